import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import { AdvanceGuard } from './advance-guard.ts';
import { type KinesisFault, isKinesisFault } from './fault.ts';
import type { GetRecordsAnswer, KinesisApi, StartPosition } from './kinesis-api.ts';
import { openAt } from './opening.ts';
import { type Pace, type PaceLimits, afterRead, afterThrottling, initialPace } from './pace.ts';
import { patiently } from './patience.ts';
import type { Page } from './reader.ts';
import { bytesOf, receivedPage } from './received-page.ts';
import { childrenAtEnd } from './shard-lister.ts';

/** What a {@link ShardPoller} works with. */
export interface PollerSettings {
  readonly api: KinesisApi;
  readonly streamName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  readonly limits: PaceLimits;
  readonly maxRecords: number;
  readonly unreachableTimeoutMillis: number;
}

/** Openings of a shard without one usable answer in between; an iterator lives for minutes, so this is never luck. */
const maxReopensInARow = 10;

/** Reads one shard by GetRecords, page after page. */
export class ShardPoller {
  readonly #settings: PollerSettings;
  readonly #shardId: string;
  readonly #signal: AbortSignal;
  /** Where a new iterator starts: the start, then after the last received record. */
  #resume: StartPosition;
  #iterator: string | undefined;
  #pace: Pace = initialPace;
  #reopens = 0;
  readonly #advance = new AdvanceGuard();

  constructor(settings: PollerSettings, shardId: string, start: StartPosition, signal: AbortSignal) {
    this.#settings = settings;
    this.#shardId = shardId;
    this.#resume = start;
    this.#signal = signal;
  }

  /** Waits until the pace allows another read. */
  async ready(): Promise<void> {
    const { clock } = this.#settings;
    this.#signal.throwIfAborted();
    const waitMillis = this.#pace.notBeforeMillis - clock.monotonicMillis();
    if (waitMillis > 0) await sleep(clock, waitMillis, this.#signal);
  }

  /** The next page, however long it takes; the one with `end` is the last. */
  async read(): Promise<Page> {
    for (;;) {
      await this.ready();
      this.#iterator ??= await this.#openShard();
      const answer = await this.#getRecords(this.#iterator);
      if (answer === undefined) continue;
      if (this.#standsStill(this.#iterator, answer)) {
        this.#iterator = undefined;
        this.#countReopen();
        continue;
      }
      const page = this.#toPage(answer);
      if (answer.nextIterator !== undefined) {
        this.#iterator = answer.nextIterator;
        this.#reopens = 0;
        return page;
      }
      this.#iterator = undefined;
      const childShards = await childrenAtEnd(answer.childShards, {
        ...this.#settings,
        shardId: this.#shardId,
        signal: this.#signal,
      });
      if (childShards !== undefined) return { ...page, end: { childShards } };
      this.#countReopen();
      if (page.records.length > 0) return page;
    }
  }

  async #openShard(): Promise<string> {
    const { api, clock } = this.#settings;
    const request = { shardId: this.#shardId, start: this.#resume };
    const attempt = () => this.#patiently(() => api.getShardIterator(request, this.#signal));
    const serviceTimeMillis = () => api.serviceTimeMillis();
    const opened = await openAt(this.#resume, attempt, { serviceTimeMillis, clock, signal: this.#signal });
    this.#resume = opened.resume;
    return opened.value;
  }

  /** `undefined` when the iterator was refused and the shard must be opened again. */
  async #getRecords(iterator: string): Promise<GetRecordsAnswer | undefined> {
    const { api, clock, limits, maxRecords } = this.#settings;
    let startedAtMillis = clock.monotonicMillis();
    try {
      const answer = await this.#patiently(() => {
        startedAtMillis = clock.monotonicMillis();
        return api.getRecords({ iterator, limit: maxRecords, shardId: this.#shardId }, this.#signal);
      });
      const bytes = bytesOf(answer.records);
      // Some emulators answer 0 although a full page has left records behind, which arrived in the same millisecond.
      const caughtUp = answer.millisBehindLatest === 0 && answer.records.length < maxRecords;
      const millisBehindLatest = caughtUp ? 0 : Math.max(1, answer.millisBehindLatest);
      this.#pace = afterRead(this.#pace, limits, { startedAtMillis, bytes, caughtUp, millisBehindLatest });
      return { ...answer, millisBehindLatest };
    } catch (thrown) {
      if (!isKinesisFault(thrown, 'iteratorExpired', 'invalid')) throw thrown;
      if (thrown.kind === 'iteratorExpired') {
        this.#settings.events.publish({ type: 'shard.iteratorExpired', shardId: this.#shardId });
      }
      this.#iterator = undefined;
      this.#countReopen(thrown);
      this.#pace = afterRead(this.#pace, limits, { startedAtMillis, bytes: 0, caughtUp: false });
      return undefined;
    }
  }

  /** Records that were given out already, or none though there are some: the shard is opened again behind the last one. */
  #standsStill(iterator: string | undefined, { records, nextIterator, millisBehindLatest }: GetRecordsAnswer): boolean {
    const isStuck = records.length === 0 && millisBehindLatest > 0 && nextIterator === iterator;
    return isStuck || this.#advance.isRepetition(records);
  }

  #toPage(answer: GetRecordsAnswer): Page {
    const last = answer.records.at(-1);
    if (last !== undefined) this.#resume = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: last.sequenceNumber };
    return receivedPage(answer, { ...this.#settings, shardId: this.#shardId });
  }

  #countReopen(fault?: KinesisFault): void {
    this.#reopens += 1;
    if (this.#reopens <= maxReopensInARow) return;
    throw (
      fault ??
      new MillraceError(
        'MR_INTERNAL',
        `shard ${this.#shardId} gave no iterator that leads on, ${this.#reopens} times in a row, yet is listed as open`,
        { subject: { shard: this.#shardId } },
      )
    );
  }

  #patiently<T>(call: () => Promise<T>): Promise<T> {
    const { clock, random, unreachableTimeoutMillis } = this.#settings;
    const onRetry = (fault: KinesisFault, delayMillis: number) => this.#told(fault, delayMillis);
    return patiently(call, { clock, random, signal: this.#signal, unreachableTimeoutMillis, onRetry });
  }

  #told(fault: KinesisFault, delayMillis: number): void {
    const { clock, events, limits } = this.#settings;
    if (fault.kind === 'throttled') {
      this.#pace = afterThrottling(this.#pace, limits, clock.monotonicMillis());
      events.publish({ type: 'shard.throttled', shardId: this.#shardId, delayMillis });
    } else {
      const { code, message, subject } = fault;
      events.publish({ type: 'fault.seen', code, message, subject });
    }
  }
}
