import { raceAbort, stayingController } from '../base/abort.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import type { FanOutApi, StreamConsumerDescription, StreamConsumerKey } from './fan-out-api.ts';
import { type KinesisFault, isKinesisFault } from './fault.ts';
import type { KinesisApi } from './kinesis-api.ts';
import { patiently } from './patience.ts';

/** What a {@link StreamConsumer} needs. */
export interface StreamConsumerOptions {
  readonly api: Pick<KinesisApi, 'describeStream'>;
  readonly fanOut: FanOutApi;
  /** A consumer of this name is registered when it is missing; with an ARN it must be there. */
  readonly consumer: { readonly consumerName: string } | { readonly consumerArn: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
}

/** How long a consumer may take to become ACTIVE, or to be gone when it is being deleted; KCL gives it 10 s. */
const activeTimeoutMillis = 60_000;
const lookAgainMillis = 1_000;
/** Refusals of RegisterStreamConsumer in a row, with backoff up to 8 s: the limit of a second would have passed. */
const maxLimitRefusals = 5;
/** How long the answer that there is no place for a further consumer is remembered, for the other shards. */
const rememberLimitMillis = 60_000;

/** The stream consumer of an application: registered when it is missing, and shared by all shards of a process. */
export class StreamConsumer {
  readonly #options: StreamConsumerOptions;
  /** Ends a look that is under way when the run ends. */
  readonly #life = stayingController();
  #arn: Promise<string> | undefined;
  #limit: { readonly error: MillraceError; readonly untilMillis: number } | undefined;

  constructor(options: StreamConsumerOptions) {
    this.#options = options;
  }

  /**
   * The ARN of the consumer once it is ACTIVE. The look at it is one for all who ask at once, so it does not end with the
   * signal of any of them; it ends by itself, or with `close`.
   * @throws MillraceError `MR_CONSUMER_LIMIT`, `MR_CONSUMER_NOT_FOUND`, `MR_CONSUMER_IN_USE`, and what the calls throw
   */
  arn(signal: AbortSignal): Promise<string> {
    if (this.#limit !== undefined) {
      if (this.#options.clock.monotonicMillis() < this.#limit.untilMillis) return Promise.reject(this.#limit.error);
      this.#limit = undefined;
    }
    if (this.#arn === undefined) {
      const arn = this.#ensure(this.#life.signal);
      this.#arn = arn;
      // The next one who asks looks again.
      arn.catch(() => {
        if (this.#arn === arn) this.#arn = undefined;
      });
    }
    return raceAbort(this.#arn, signal);
  }

  /** The service does not know the consumer any more: the next one who asks looks again. */
  forget(): void {
    this.#arn = undefined;
  }

  /** Ends what is under way: a consumer may take a minute to become ACTIVE, and the run has ended. */
  close(): void {
    this.#life.abort(new MillraceError('MR_ABORTED', 'the run has ended'));
  }

  /**
   * Deregisters the consumer, if this process has used it; other workers of the application lose their subscriptions and
   * register it anew. Never throws: what failed is told as an event, and a consumer that stays costs its place only.
   */
  async deregister(signal: AbortSignal): Promise<void> {
    const arn = await this.#arn?.catch(() => undefined);
    if (arn === undefined) return;
    this.#arn = undefined;
    try {
      await this.#patiently(() => this.#options.fanOut.deregisterStreamConsumer(arn, signal), signal);
      this.#options.events.publish({ type: 'streamConsumer.deregistered', consumerArn: arn });
    } catch (thrown) {
      if (isKinesisFault(thrown)) this.#tell(thrown);
    }
  }

  async #ensure(signal: AbortSignal): Promise<string> {
    const { clock } = this.#options;
    const key = await this.#key(signal);
    const untilMillis = clock.monotonicMillis() + activeTimeoutMillis;
    for (;;) {
      const found = (await this.#find(key, signal)) ?? (await this.#register(key, signal));
      if (found?.status === 'ACTIVE') return found.consumerArn;
      if (clock.monotonicMillis() >= untilMillis) throw notActive(key, found);
      await sleep(clock, lookAgainMillis, signal);
    }
  }

  async #key(signal: AbortSignal): Promise<StreamConsumerKey> {
    const { api, consumer } = this.#options;
    if ('consumerArn' in consumer) return consumer;
    const { streamArn } = await this.#patiently(() => api.describeStream(signal), signal);
    return { ...consumer, streamArn };
  }

  /** The consumer as it is; `undefined` when there is none yet of the name. */
  async #find(key: StreamConsumerKey, signal: AbortSignal): Promise<StreamConsumerDescription | undefined> {
    try {
      return await this.#patiently(() => this.#options.fanOut.describeStreamConsumer(key, signal), signal);
    } catch (thrown) {
      if ('consumerName' in key && isKinesisFault(thrown, 'consumerNotFound')) return undefined;
      throw thrown;
    }
  }

  /** Registers the consumer; `undefined` when another worker has just done so. */
  async #register(key: StreamConsumerKey, signal: AbortSignal): Promise<StreamConsumerDescription | undefined> {
    if (!('consumerName' in key)) return undefined;
    const { fanOut, events } = this.#options;
    try {
      const made = await this.#patiently(() => fanOut.registerStreamConsumer(key, signal), signal, maxLimitRefusals);
      const { consumerName, consumerArn } = made;
      events.publish({ type: 'streamConsumer.registered', consumerName, consumerArn });
      return made;
    } catch (thrown) {
      if (isKinesisFault(thrown, 'consumerInUse')) return undefined;
      if (isKinesisFault(thrown, 'throttled')) throw this.#atLimit(thrown, key.consumerName);
      throw thrown;
    }
  }

  #atLimit(cause: KinesisFault, consumerName: string): MillraceError {
    const error = new MillraceError(
      'MR_CONSUMER_LIMIT',
      `the stream takes no further consumer, so ${consumerName} cannot be registered (${cause.message}); deregister one, give consumerArn, or set onConsumerLimit to POLLING`,
      { subject: cause.subject, cause },
    );
    this.#limit = { error, untilMillis: this.#options.clock.monotonicMillis() + rememberLimitMillis };
    return error;
  }

  #patiently<T>(call: () => Promise<T>, signal: AbortSignal, maxThrottles?: number): Promise<T> {
    const { clock, random } = this.#options;
    const limit = maxThrottles === undefined ? {} : { maxThrottles };
    return patiently(call, { clock, random, signal, ...limit, onRetry: (fault) => this.#tell(fault) });
  }

  #tell({ code, message, subject }: KinesisFault): void {
    this.#options.events.publish({ type: 'fault.seen', code, message, subject });
  }
}

function notActive(key: StreamConsumerKey, found: StreamConsumerDescription | undefined): MillraceError {
  const name = 'consumerName' in key ? key.consumerName : key.consumerArn;
  return new MillraceError(
    'MR_CONSUMER_IN_USE',
    `stream consumer ${name} is ${found?.status ?? 'missing'} after ${activeTimeoutMillis} ms, not ACTIVE; look at it with DescribeStreamConsumer`,
  );
}
