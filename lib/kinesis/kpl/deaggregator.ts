import type { Clock } from '../../base/clock.ts';
import { KinesisRecord } from '../../block/record.ts';
import type { EventSink } from '../../event/bus.ts';
import type { BrokenAggregate } from '../../event/event.ts';
import { Aggregate } from './aggregate.ts';
import { type OpenedFrame, frameMagic, openFrames } from './frame.ts';
import { HashRange } from './hash-range.ts';
import { lanes } from './md5-lanes.ts';

/** What a {@link Deaggregator} needs. */
export interface DeaggregatorOptions {
  readonly shardId: string;
  /**
   * The shard's hash keys, decimal and inclusive. Absent where nothing may be left out: the range is not known, or the
   * stream does not place records by key.
   */
  readonly hashKeyRange: { readonly startingHashKey: string; readonly endingHashKey: string } | undefined;
  readonly clock: Clock;
  readonly events: EventSink;
}

/** A part has at most so many records more than one raw page: few enough that a bomb is unpacked a little at a time. */
export const maxPartRecords = 2_500;
/** The least time between two events of one type about one shard; the later one counts for all in between. */
const eventIntervalMillis = 10_000;

/**
 * Takes the aggregates of one shard apart (kcl.md 2.19). A user record has the sequence number of its aggregate and its
 * place in it, from 0, as sub-sequence number.
 *
 * What has the magic but is broken, or beyond the limits, is one plain record: nothing is ever dropped because it could
 * not be read. User records whose hash key lies outside the shard were put while the stream was being resharded, and
 * their producer puts them again where they belong; they are left out one by one, and the places of the others stay what
 * they are. (KCL drops the aggregate as a whole, so those that belong here are lost: no producer puts them again.)
 */
export class Deaggregator {
  readonly #range: HashRange | undefined;
  readonly #broken: Tally<BrokenAggregate>;
  readonly #misplaced: Tally<undefined>;

  constructor({ shardId, hashKeyRange, clock, events }: DeaggregatorOptions) {
    this.#range = HashRange.of(hashKeyRange);
    this.#broken = new Tally(clock, (records, sequenceNumber, reason) =>
      events.publish({ type: 'aggregate.broken', shardId, records, sequenceNumber, reason }),
    );
    this.#misplaced = new Tally(clock, (records, sequenceNumber) =>
      events.publish({ type: 'aggregate.misplaced', shardId, records, sequenceNumber }),
    );
  }

  /**
   * The user records of a page, in order, in parts that are made when they are asked for. A page without aggregates is
   * one part, the page itself, and costs a look at the first bytes of each record. There is always one part, and maybe
   * nothing in it.
   */
  *parts(page: readonly KinesisRecord[]): Generator<readonly KinesisRecord[], void, undefined> {
    const framed = placesOf(page);
    if (framed.length === 0) {
      yield page;
      return;
    }
    let part: KinesisRecord[] = [];
    let opened = 0;
    let frames: readonly OpenedFrame[] = [];
    for (const [index, record] of page.entries()) {
      if (index !== framed[opened]) {
        part.push(record);
        continue;
      }
      const place = opened % lanes;
      if (place === 0) {
        const group = framed.slice(opened, opened + lanes);
        frames = openFrames(group.map((each) => (page[each] as KinesisRecord).data));
      }
      opened += 1;
      const aggregate = this.#read(record, frames[place] as OpenedFrame);
      if (aggregate === undefined) {
        part.push(record);
        continue;
      }
      for (let next = 0; next < aggregate.count;) {
        if (part.length >= maxPartRecords) {
          yield part;
          part = [];
        }
        next = this.#unpack(aggregate, record, next, part);
      }
    }
    yield part;
  }

  /** Tells what the interval between events has kept back. Nothing may be deaggregated afterwards. */
  close(): void {
    this.#broken.flush();
    this.#misplaced.flush();
  }

  /** The aggregate of a record with the magic; `undefined` when it is one plain record after all. */
  #read({ sequenceNumber, arrivalTimeMillis }: KinesisRecord, frame: OpenedFrame): Aggregate | undefined {
    const read =
      'broken' in frame ? frame.broken : Aggregate.read(frame.message, { sequenceNumber, arrivalTimeMillis });
    if (typeof read !== 'string') return read;
    this.#broken.add(1, sequenceNumber, read);
    return undefined;
  }

  /** Adds user records to a part until it is full; answers with the place of the next one. */
  #unpack(aggregate: Aggregate, { shardId, streamName }: KinesisRecord, from: number, part: KinesisRecord[]): number {
    const range = this.#range;
    const origin = { shardId, streamName, subSequenceNumber: 0 };
    let misplaced = 0;
    let next = from;
    for (; next < aggregate.count && part.length < maxPartRecords; next += 1) {
      if (range !== undefined && !aggregate.isInside(next, range)) {
        misplaced += 1;
        continue;
      }
      origin.subSequenceNumber = next;
      part.push(new KinesisRecord(aggregate.contentOf(next), origin));
    }
    if (misplaced > 0) this.#misplaced.add(misplaced, aggregate.origin.sequenceNumber, undefined);
    return next;
  }
}

/** Which records of a page begin like an aggregate. */
function placesOf(page: readonly KinesisRecord[]): readonly number[] {
  const places: number[] = [];
  for (let index = 0; index < page.length; index += 1) {
    if ((page[index] as KinesisRecord).startsWith(frameMagic)) places.push(index);
  }
  return places;
}

/** Counts what happens, and tells it at once when the last time was long ago; else with the next, or at the end. */
class Tally<T> {
  readonly #clock: Clock;
  readonly #tell: (count: number, sequenceNumber: string, detail: T) => void;
  #count = 0;
  #last: { readonly sequenceNumber: string; readonly detail: T } | undefined;
  #toldAtMillis = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, tell: (count: number, sequenceNumber: string, detail: T) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(count: number, sequenceNumber: string, detail: T): void {
    this.#count += count;
    this.#last = { sequenceNumber, detail };
    if (this.#clock.monotonicMillis() - this.#toldAtMillis >= eventIntervalMillis) this.flush();
  }

  flush(): void {
    if (this.#last === undefined) return;
    const { sequenceNumber, detail } = this.#last;
    const count = this.#count;
    this.#count = 0;
    this.#last = undefined;
    this.#toldAtMillis = this.#clock.monotonicMillis();
    this.#tell(count, sequenceNumber, detail);
  }
}
