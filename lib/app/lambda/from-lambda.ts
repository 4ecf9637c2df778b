import { MillraceError } from '../../base/error.ts';
import type { Assembly } from '../assembly.ts';
import type { DispatchSignals } from '../block-lanes.ts';
import { type BlockWork, workOnBlocks } from '../block-work.ts';
import type { ConsumerSettings } from '../config/consumer-settings.ts';
import { checkPolicy } from '../failure-check.ts';
import { stallWatchOf } from '../stall-watch-of.ts';
import { originOf } from './lambda-event.ts';
import { LambdaFunction } from './lambda-function.ts';
import { type LambdaOptions, type LambdaSettings, lambdaSettingsOf } from './lambda-options.ts';
import type { LambdaHandler } from './lambda-types.ts';
import { LambdaWork } from './lambda-work.ts';

/**
 * Makes an existing Kinesis handler of AWS Lambda one for `createConsumer(...).run`: the same event and context, batches
 * by the same options, failures by the same rules. See docs/lambda.md.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming the option at fault
 */
export function fromLambda(handler: LambdaHandler, options: LambdaOptions = {}): BlockWork {
  if (typeof handler !== 'function') {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `fromLambda() needs the handler, a function (event, context, callback); it was given ${handler === null ? 'null' : typeof handler}`,
    );
  }
  return new LambdaBlockWork(handler, lambdaSettingsOf(options));
}

class LambdaBlockWork implements BlockWork {
  readonly #handler: LambdaHandler;
  readonly #settings: LambdaSettings;

  constructor(handler: LambdaHandler, settings: LambdaSettings) {
    this.#handler = handler;
    this.#settings = settings;
  }

  /** Twice: what the next batch or window is made of comes while this one is under way. */
  get longestHoldMillis(): number {
    const { batchingWindowMillis, tumblingWindowMillis = 0 } = this.#settings;
    // Half of what may be unfinished makes waiting records go out: see `LambdaWork`.
    return 4 * Math.max(batchingWindowMillis, tumblingWindowMillis);
  }

  check({ onFailure }: ConsumerSettings): void {
    checkPolicy({ ...onFailure, ...this.#settings.failure });
  }

  async [workOnBlocks](assembly: Assembly, signals: DispatchSignals): Promise<void> {
    const { receiver, settings, clock, random, events, serviceTimeMillis, retentionMillis } = assembly;
    const policy = { ...settings.onFailure, ...this.#settings.failure };
    const lambda = new LambdaFunction({
      handler: this.#handler,
      settings: this.#settings,
      origin: originOf(await assembly.streamArn(signals.run), this.#settings.invokeIdentityArn),
      clock,
      random,
    });
    const { maxUnackedBlocks, maxBufferedBytes, blockIntervalMillis } = settings;
    const work = new LambdaWork({
      source: receiver,
      lambda,
      settings: this.#settings,
      policy,
      stallWatch: stallWatchOf(assembly, { leastMillis: this.#settings.leastStallMillis }),
      clock,
      random,
      events,
      serviceTimeMillis,
      retentionMillis,
      maxUnackedBlocks,
      maxBufferedBytes,
      blockIntervalMillis,
    });
    const unsubscribe = events.subscribe((event) => {
      if (event.type === 'shard.changed' && event.to === 'draining') work.hurry(event.shardId);
      else if (event.type === 'shard.read' && event.millisBehindLatest === 0) work.sawTip(event.shardId);
    });
    try {
      await work.run(signals);
    } finally {
      unsubscribe();
    }
  }
}
