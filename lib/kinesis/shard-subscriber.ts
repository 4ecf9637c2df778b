import { deadlineController, raceAbort } from '../base/abort.ts';
import { backoffMillis } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import type { SubscriptionEnd } from '../event/event.ts';
import { AdvanceGuard } from './advance-guard.ts';
import type { FanOutApi, SubscribeEvent, Subscription } from './fan-out-api.ts';
import { type KinesisFault, isKinesisFault } from './fault.ts';
import type { KinesisApi, StartPosition } from './kinesis-api.ts';
import { openAt } from './opening.ts';
import { patiently } from './patience.ts';
import type { Page } from './reader.ts';
import { receivedPage } from './received-page.ts';
import { childrenAtEnd } from './shard-lister.ts';
import type { StreamConsumer } from './stream-consumer.ts';

/** What a {@link ShardSubscriber} works with. */
export interface SubscriberSettings {
  readonly api: KinesisApi;
  readonly fanOut: FanOutApi;
  readonly consumer: StreamConsumer;
  readonly streamName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  readonly unreachableTimeoutMillis: number;
}

/** Kinesis: one SubscribeToShard a second for each consumer and shard. */
const subscribeIntervalMillis = 1_000;
/** Kinesis: so long after a success another one is refused, and after it takes the subscription over. */
const resubscribeIntervalMillis = 5_000;
/** An event comes about every 5 s, with or without records. Without one for so long nobody is there any more. */
const silenceMillis = 35_000;
/** An event that was waited for so long has not lain in a buffer. */
const freshAfterMillis = 1_000;
/** Refusals because of another subscription, which may be the last owner's, are waited out for ever. */
const inUseBackoff = { baseMillis: 2_000, capMillis: 10_000 };
/** Subscriptions in a row that were accepted and brought nothing; each lives for seconds, so this is never luck. */
const maxFruitlessInARow = 10;
const fruitlessBackoff = { baseMillis: 1_000, capMillis: 30_000 };

/** What came of waiting for an event: the event, or how the subscription ended. */
type Heard =
  | { readonly event: SubscribeEvent; readonly isEarlier: boolean }
  | { readonly ended: SubscriptionEnd; readonly fault?: KinesisFault };

/** Reads one shard by SubscribeToShard, event after event, over as many subscriptions as it takes. */
export class ShardSubscriber {
  readonly #settings: SubscriberSettings;
  readonly #shardId: string;
  readonly #signal: AbortSignal;
  /** Where a new subscription starts: the start, then behind the last event that was given out. */
  #resume: StartPosition;
  #current: { readonly subscription: Subscription; events: number } | undefined;
  #notBeforeMillis = -Infinity;
  #fruitless = 0;
  readonly #advance = new AdvanceGuard();

  constructor(settings: SubscriberSettings, shardId: string, start: StartPosition, signal: AbortSignal) {
    this.#settings = settings;
    this.#shardId = shardId;
    this.#resume = start;
    this.#signal = signal;
  }

  /** Where another reader goes on. */
  get resume(): StartPosition {
    return this.#resume;
  }

  /** The next page, however long it takes; the one with `end` is the last. */
  async read(): Promise<Page> {
    for (;;) {
      this.#signal.throwIfAborted();
      this.#current ??= { subscription: await this.#subscribe(), events: 0 };
      const heard = await this.#hear(this.#current);
      if ('ended' in heard) {
        this.#over(heard.ended, heard.fault);
        continue;
      }
      const page = await this.#accept(heard.event, heard.isEarlier);
      if (page !== undefined) return page;
    }
  }

  /** Gives the subscription up; may be called at any time. */
  close(): void {
    this.#current?.subscription.close();
    this.#current = undefined;
  }

  async #subscribe(): Promise<Subscription> {
    const { api, clock, random, events, unreachableTimeoutMillis } = this.#settings;
    const signal = this.#signal;
    const onRetry = (fault: KinesisFault, delayMillis: number) => this.#toldRetry(fault, delayMillis);
    const attempt = () =>
      patiently(() => this.#attempt(), { clock, random, signal, unreachableTimeoutMillis, onRetry });
    for (let refusals = 1; ; refusals += 1) {
      try {
        const serviceTimeMillis = () => api.serviceTimeMillis();
        const opened = await openAt(this.#resume, attempt, { serviceTimeMillis, clock, signal });
        this.#resume = opened.resume;
        return opened.value;
      } catch (thrown) {
        if (!isKinesisFault(thrown, 'consumerInUse')) throw thrown;
        const delayMillis = backoffMillis(inUseBackoff, refusals, random);
        const { message } = thrown;
        events.publish({ type: 'shard.subscriptionRefused', shardId: this.#shardId, delayMillis, message });
        await sleep(clock, delayMillis, signal);
      }
    }
  }

  /** One call. A consumer that was deregistered meanwhile is registered anew, once. */
  async #attempt(): Promise<Subscription> {
    const { consumer } = this.#settings;
    try {
      return await this.#call(await consumer.arn(this.#signal));
    } catch (thrown) {
      if (!isKinesisFault(thrown, 'consumerNotFound')) throw thrown;
      consumer.forget();
      return this.#call(await consumer.arn(this.#signal));
    }
  }

  async #call(consumerArn: string): Promise<Subscription> {
    const { fanOut, clock, events } = this.#settings;
    const waitMillis = this.#notBeforeMillis - clock.monotonicMillis();
    if (waitMillis > 0) await sleep(clock, waitMillis, this.#signal);
    this.#notBeforeMillis = clock.monotonicMillis() + subscribeIntervalMillis;
    const request = { consumerArn, shardId: this.#shardId, start: this.#resume };
    const subscription = await fanOut.subscribeToShard(request, this.#signal);
    this.#notBeforeMillis = clock.monotonicMillis() + resubscribeIntervalMillis;
    if (this.#signal.aborted) {
      subscription.close();
      throw this.#signal.reason;
    }
    events.publish({ type: 'shard.subscribed', shardId: this.#shardId, consumerArn });
    return subscription;
  }

  /** Waits for the next event. Silence is counted from here on, so a consumer that was slow to ask is not taken for one. */
  async #hear(current: { readonly subscription: Subscription; readonly events: number }): Promise<Heard> {
    const { clock } = this.#settings;
    const { subscription, events } = current;
    const askedAtMillis = clock.monotonicMillis();
    try {
      const event = await this.#untilSilent(subscription);
      if (event === undefined) return { ended: 'expired' };
      const isEarlier = events > 0 && clock.monotonicMillis() - askedAtMillis < freshAfterMillis;
      return { event, isEarlier };
    } catch (thrown) {
      this.#signal.throwIfAborted();
      if (thrown === silence) return { ended: 'silent' };
      if (isKinesisFault(thrown, 'consumerInUse')) return { ended: 'taken', fault: thrown };
      if (isKinesisFault(thrown, 'consumerNotFound', 'throttled', 'unreachable', 'transient')) {
        return { ended: 'failed', fault: thrown };
      }
      throw thrown;
    }
  }

  async #untilSilent(subscription: Subscription): Promise<SubscribeEvent | undefined> {
    const next = subscription.next();
    for (;;) {
      const { receivedBytes } = subscription;
      try {
        return await this.#withinSilence(next);
      } catch (thrown) {
        // A large event on a slow line is no silence.
        if (thrown !== silence || subscription.receivedBytes === receivedBytes) throw thrown;
      }
    }
  }

  async #withinSilence<T>(promise: Promise<T>): Promise<T> {
    using limit = deadlineController(this.#settings.clock, silenceMillis, () => silence, this.#signal);
    return await raceAbort(promise, limit.signal);
  }

  /** The page of an event; `undefined` when there is nothing to give out. The position moves with what is given out. */
  async #accept(event: SubscribeEvent, isEarlier: boolean): Promise<Page | undefined> {
    const { continuationSequenceNumber, records } = event;
    if (this.#advance.isRepetition(records)) {
      this.#over('failed');
      return undefined;
    }
    const page: Page = {
      ...receivedPage(event, { ...this.#settings, shardId: this.#shardId }),
      ...(isEarlier ? { isEarlier: true } : {}),
    };
    if (continuationSequenceNumber !== undefined) {
      this.#resume = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: continuationSequenceNumber };
      if (this.#current !== undefined) this.#current.events += 1;
      this.#fruitless = 0;
      return page;
    }
    const options = { ...this.#settings, shardId: this.#shardId, signal: this.#signal };
    const childShards = await childrenAtEnd(event.childShards, options);
    const last = records.at(-1);
    if (last !== undefined) this.#resume = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: last.sequenceNumber };
    if (childShards !== undefined) return { ...page, end: { childShards } };
    this.#over('failed');
    return last === undefined ? undefined : page;
  }

  /** A subscription is over. One that brought nothing puts the next one off, and too many of them are a fault. */
  #over(reason: SubscriptionEnd, fault?: KinesisFault): void {
    const { clock, random, events, consumer } = this.#settings;
    const brought = this.#current?.events ?? 0;
    this.#current?.subscription.close(reason === 'silent');
    this.#current = undefined;
    events.publish({ type: 'shard.subscriptionEnded', shardId: this.#shardId, reason, events: brought });
    if (fault?.kind === 'consumerNotFound') consumer.forget();
    if (fault !== undefined) {
      const { code, message, subject } = fault;
      events.publish({ type: 'fault.seen', code, message, subject });
    }
    if (brought > 0) return;
    this.#fruitless += 1;
    if (this.#fruitless > maxFruitlessInARow) throw fruitless(this.#shardId, this.#fruitless, reason, fault);
    const waitMillis = backoffMillis(fruitlessBackoff, this.#fruitless, random);
    this.#notBeforeMillis = Math.max(this.#notBeforeMillis, clock.monotonicMillis() + waitMillis);
  }

  #toldRetry(fault: KinesisFault, delayMillis: number): void {
    const { events } = this.#settings;
    const { code, message, subject } = fault;
    if (fault.kind === 'throttled') events.publish({ type: 'shard.throttled', shardId: this.#shardId, delayMillis });
    else events.publish({ type: 'fault.seen', code, message, subject });
  }
}

/** Aborts the waiting for an event that does not come. */
const silence = Symbol('silence');

function fruitless(shardId: string, count: number, reason: SubscriptionEnd, cause?: KinesisFault): MillraceError {
  return new MillraceError(
    'MR_ENDPOINT_UNREACHABLE',
    `${count} subscriptions in a row to shard ${shardId} were accepted and brought nothing; the last one ended as ${reason}${cause === undefined ? '' : ` (${cause.message})`}`,
    { subject: { shard: shardId }, cause },
  );
}
