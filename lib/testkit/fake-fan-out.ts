import { deadlineController } from '../base/abort.ts';
import { type Clock, sleep } from '../base/clock.ts';
import type { ChildShard, RawRecord, StartPosition } from '../kinesis/kinesis-api.ts';
import { awsError } from './aws-error.ts';
import type { FakeSlice } from './fake-calls.ts';
import { type FakeConsumer, FakeConsumers } from './fake-consumers.ts';
import { type FakeKinesis, insideOf } from './fake-kinesis.ts';
import { Bucket, readBytesPerSecond } from './fake-limits.ts';

/** Options of {@link FakeFanOut}. */
export interface FakeFanOutOptions {
  readonly fake: FakeKinesis;
  readonly clock: Clock;
  /** Whether SubscribeToShard is refused beyond Kinesis' limits, and events come at 2 MB a second and shard: true. */
  readonly limits?: boolean;
  /** How long a consumer stays CREATING and DELETING: 0 ms. */
  readonly transitionMillis?: number;
  /** When the service ends a subscription: after 300,000 ms. */
  readonly subscriptionMillis?: number;
  /** How often an event comes although there are no records: every 5,000 ms. */
  readonly heartbeatMillis?: number;
  /** The data of one event: 1,000,000 bytes, but at least one record. */
  readonly maxEventBytes?: number;
}

/** One SubscribeToShardEvent. */
export interface FakeFanOutEvent {
  readonly records: readonly RawRecord[];
  /** Where the next subscription goes on; absent at the end of a closed shard. */
  readonly continuationSequenceNumber?: string;
  readonly millisBehindLatest: number;
  readonly childShards: readonly ChildShard[];
}

/** The request of SubscribeToShard. */
export interface FakeSubscribeRequest {
  readonly consumerArn: string;
  readonly shardId: string;
  readonly start: StartPosition;
}

/** Kinesis allows one SubscribeToShard a second for each consumer and shard. */
const subscribeIntervalMillis = 1_000;
/** Until then after a successful call another one is refused; from then on it takes the subscription over. */
const takeoverMillis = 5_000;
const maxEventRecords = 10_000;

/** What is remembered of a consumer and shard. */
interface Subscription {
  readonly calledAtMillis: number;
  /** The last successful call. */
  readonly subscribedAtMillis: number;
  /** Ends the subscription of that call. */
  readonly end?: AbortController;
}

/** Enhanced fan-out of a modelled stream: its registered consumers and their subscriptions, with the rules of the service. */
export class FakeFanOut {
  readonly consumers: FakeConsumers;
  readonly #options: Required<FakeFanOutOptions>;
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(options: FakeFanOutOptions) {
    this.#options = {
      limits: true,
      transitionMillis: 0,
      subscriptionMillis: 300_000,
      heartbeatMillis: 5_000,
      maxEventBytes: 1_000_000,
      ...options,
    };
    const { fake, clock, transitionMillis } = this.#options;
    this.consumers = new FakeConsumers({
      clock,
      streamArn: fake.streamArn,
      nowMillis: () => fake.nowMillis(),
      transitionMillis,
      onLeaving: (consumer) => this.#endAll(consumer),
    });
  }

  /**
   * SubscribeToShard: throws at once where the service refuses the call; else the events, until the shard ends, the time of
   * a subscription is over, or the signal aborts (the caller has gone). The events throw when another subscription
   * takes over or the consumer is deregistered.
   */
  subscribe(request: FakeSubscribeRequest, signal: AbortSignal): AsyncGenerator<FakeFanOutEvent, void> {
    const { calls } = insideOf(this.#options.fake);
    const { prepared, ended } = this.begin(request, () => calls.startOf(request.shardId, request.start));
    return this.#events(request.shardId, prepared, ended, signal);
  }

  /**
   * The rules of calling alone, for a server that makes the events itself. Throws what the service, or `prepare`, throws;
   * `ended` aborts, with the error to show, when the subscription is taken over or the consumer goes.
   */
  begin<T>(request: FakeSubscribeRequest, prepare: () => T): { readonly prepared: T; readonly ended: AbortSignal } {
    const consumer = this.consumers.find({ arn: request.consumerArn });
    if (consumer.status !== 'ACTIVE') {
      throw awsError('ResourceInUseException', `Consumer ${consumer.arn} is ${consumer.status}, not ACTIVE.`);
    }
    const key = `${consumer.arn} ${request.shardId}`;
    const nowMillis = this.#options.clock.monotonicMillis();
    const before = this.#subscriptions.get(key) ?? { calledAtMillis: -Infinity, subscribedAtMillis: -Infinity };
    this.#subscriptions.set(key, { ...before, calledAtMillis: nowMillis });
    if (this.#options.limits) this.#checkRate(before, nowMillis, request);
    const prepared = prepare();
    before.end?.abort(
      awsError('ResourceInUseException', `The subscription to ${request.shardId} was taken over by a later call.`),
    );
    const end = new AbortController();
    this.#subscriptions.set(key, { calledAtMillis: nowMillis, subscribedAtMillis: nowMillis, end });
    return { prepared, ended: end.signal };
  }

  #checkRate(before: Subscription, nowMillis: number, { consumerArn, shardId }: FakeSubscribeRequest): void {
    if (nowMillis - before.subscribedAtMillis < takeoverMillis) {
      throw awsError(
        'ResourceInUseException',
        `Another active subscription exists for this consumer: ${consumerArn} and shard: ${shardId}`,
      );
    }
    if (nowMillis - before.calledAtMillis < subscribeIntervalMillis) {
      throw awsError('LimitExceededException', `Rate exceeded for consumer ${consumerArn} and shard ${shardId}`);
    }
  }

  /** Ends all subscriptions, as the deletion of the stream does. */
  endAll(): void {
    for (const consumer of this.consumers.all) this.#endAll(consumer);
  }

  #endAll(consumer: FakeConsumer): void {
    for (const [key, { end }] of this.#subscriptions) {
      if (!key.startsWith(`${consumer.arn} `)) continue;
      end?.abort(awsError('ResourceNotFoundException', `Consumer ${consumer.arn} was deregistered.`));
    }
  }

  async *#events(shardId: string, start: bigint, ended: AbortSignal, gone: AbortSignal) {
    const signal = AbortSignal.any([ended, gone]);
    const { fake, clock, limits, subscriptionMillis, heartbeatMillis, maxEventBytes } = this.#options;
    const { calls, changed } = insideOf(fake);
    const bucket = new Bucket(readBytesPerSecond);
    const endAtMillis = clock.monotonicMillis() + subscriptionMillis;
    let from = start;
    let heartbeatAtMillis = -Infinity;
    for (;;) {
      ended.throwIfAborted();
      const nowMillis = clock.monotonicMillis();
      if (signal.aborted || nowMillis >= endAtMillis) return;
      // Made before the look at the shard, so that a record put after it wakes.
      const change = changed();
      const slice = calls.readFrom(shardId, from, { maxRecords: maxEventRecords, maxBytes: maxEventBytes });
      if (limits && slice.bytes > 0 && bucket.levelAt(nowMillis) <= 0) {
        await this.#wait((one) => sleep(clock, 20, one), endAtMillis, signal);
        continue;
      }
      if (slice.records.length === 0 && slice.next !== undefined && nowMillis < heartbeatAtMillis) {
        await this.#wait((one) => change.wait(one), Math.min(endAtMillis, heartbeatAtMillis), signal);
        continue;
      }
      bucket.take(slice.bytes);
      heartbeatAtMillis = nowMillis + heartbeatMillis;
      yield this.#event(slice);
      if (slice.next === undefined) return;
      from = slice.next;
    }
  }

  #event(slice: FakeSlice): FakeFanOutEvent {
    const { records, next, millisBehindLatest, childShards } = slice;
    const event = { records, millisBehindLatest, childShards };
    if (next === undefined) return event;
    // Without records it is where the stream stands, so that a quiet shard moves on too.
    const last = records.at(-1)?.sequenceNumber ?? String(insideOf(this.#options.fake).calls.lastSequence());
    return { ...event, continuationSequenceNumber: last };
  }

  async #wait(
    waiting: (signal: AbortSignal) => Promise<void>,
    untilMillis: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    using limit = deadlineController(clock, untilMillis - clock.monotonicMillis(), () => new Error('time'), signal);
    // Its reasons all mean "look again".
    await waiting(limit.signal).catch(() => {});
  }
}
