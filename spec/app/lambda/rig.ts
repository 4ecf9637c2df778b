import { originOf } from '../../../lib/app/lambda/lambda-event.ts';
import { LambdaFunction } from '../../../lib/app/lambda/lambda-function.ts';
import { type LambdaOptions, lambdaSettingsOf } from '../../../lib/app/lambda/lambda-options.ts';
import type { LambdaHandler } from '../../../lib/app/lambda/lambda-types.ts';
import { LambdaWork } from '../../../lib/app/lambda/lambda-work.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { EventOf, EventType, MillraceEvent } from '../../../lib/event/event.ts';
import type { FailurePolicy } from '../../../lib/receiver/failure-policy.ts';
import { StallWatch } from '../../../lib/receiver/stall-watch.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import { BlockFeed } from '../../engine/feed.ts';

/** A Lambda handler on virtual time; records arrive at 0, and the service's time is the clock's. */
export class LambdaRig {
  readonly clock = new VirtualClock({ startWallMillis: 0 });
  readonly source = new BlockFeed();
  readonly events: MillraceEvent[] = [];
  readonly life = new AbortController();
  readonly work: LambdaWork;
  readonly running: Promise<void>;
  readonly givenUp: string[] = [];

  constructor(
    handler: LambdaHandler,
    options: LambdaOptions = {},
    more: Partial<FailurePolicy> & { readonly maxUnackedBlocks?: number } = {},
  ) {
    const { maxUnackedBlocks = 64, ...policy } = more;
    const settings = lambdaSettingsOf(options);
    const { clock } = this;
    const random = seededRandom(5);
    const events = { publish: (event: MillraceEvent) => void this.events.push(event) };
    const origin = originOf('arn:aws:kinesis:eu-west-1:123456789012:stream/orders', undefined);
    this.work = new LambdaWork({
      source: this.source,
      lambda: new LambdaFunction({ handler, settings, origin, clock, random }),
      settings,
      policy: {
        maximumRetryAttempts: -1,
        maximumRecordAgeInSeconds: -1,
        bisectBatchOnFunctionError: false,
        // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
        then: 'STOP',
        ...policy,
        ...settings.failure,
      },
      clock,
      random,
      events,
      serviceTimeMillis: () => clock.wallMillis(),
      retentionMillis: () => 86_400_000,
      stallWatch: new StallWatch({
        clock,
        events,
        stalledAfterMillis: Math.max(300_000, settings.leastStallMillis),
        onStall: 'RELEASE',
        giveUp: (shardId) => {
          this.givenUp.push(shardId);
          this.source.lose(shardId);
        },
      }),
      maxUnackedBlocks,
      maxBufferedBytes: 1_000_000,
      blockIntervalMillis: 200,
    });
    const ended = new AbortController();
    this.running = this.work.run({ run: this.life.signal, ended: ended.signal });
    this.running.catch(() => {});
  }

  /** Ends the blocks and waits for all invocations. */
  async finish(): Promise<void> {
    this.source.end();
    await this.clock.runUntil(this.running);
  }

  eventsOf<T extends EventType>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }
}

/** The data of an event's records as text. */
export function textsOf(event: { readonly Records: readonly { kinesis: { data: string } }[] }): string[] {
  return event.Records.map((record) => Buffer.from(record.kinesis.data, 'base64').toString());
}
