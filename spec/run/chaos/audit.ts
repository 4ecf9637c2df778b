import type { HandledRecord } from './ledger-line.ts';
import type { ProducedRecord } from './load.ts';

/** Records that a worker wrote down together. */
export interface HandledLine {
  readonly worker: string;
  readonly atMillis: number;
  readonly sinceMillis: number;
  readonly shardId: string;
  readonly records: readonly HandledRecord[];
}

/**
 * What may come again: records that were written down under these circumstances, and that no checkpoint may have covered
 * when the worker lost its shards. All fields that are there must fit.
 */
export interface Excuse {
  readonly worker?: string;
  readonly shardId?: string;
  readonly fromMillis: number;
  readonly throughMillis: number;
}

/** A handler that was at work when its process was stopped, and finished long after. */
export interface LateWork {
  readonly worker: string;
  /** Only what was begun before. */
  readonly begunBeforeMillis: number;
}

/** What an {@link audit} looks at. */
export interface AuditInput {
  readonly produced: readonly ProducedRecord[];
  /** The lines of all workers, those of one worker in the order of their writing. */
  readonly handled: readonly HandledLine[];
  /** Records that are safe in a dead letter, as `shard sequence-number`. */
  readonly deadLetters: ReadonlySet<string>;
  readonly excuses: readonly Excuse[];
  readonly lateWork: readonly LateWork[];
}

/** What the workers did with the load. */
export interface Audit {
  readonly produced: number;
  /** Acknowledged records that nobody handled. */
  readonly missing: number;
  /** Records first seen after a later one of their shard, or of their key. */
  readonly outOfOrder: number;
  /** How often a record was handled that had been handled before. */
  readonly repeated: number;
  /** How many of these no excuse covers. */
  readonly unexcused: number;
  /** How often it may happen at most. */
  readonly repeatedBound: number;
  /** Records that were handled though nobody put them, or with other contents. */
  readonly foreign: number;
  /** Some of the findings in words, for people. */
  readonly examples: readonly string[];
}

/** How many findings of a kind are told. */
const mostExamples = 3;

/** The place of a record: shard and sequence number. */
export function placeOf(shardId: string, sequenceNumber: string): string {
  return `${shardId} ${sequenceNumber}`;
}

/** Compares what was put with what the workers wrote down, in the order of time. */
export function audit(input: AuditInput): Audit {
  const lines = input.handled.toSorted((a, b) => a.atMillis - b.atMillis);
  const order = new OrderCheck();
  const repeats = new RepeatCheck(input);
  for (const line of lines) {
    for (const record of line.records) {
      if (repeats.note(line, record)) order.note(line, record);
    }
  }
  const byPlace = new Map(input.produced.map((one) => [placeOf(one.shardId, one.sequenceNumber), one]));
  const lacking = [...byPlace].filter(([place]) => !repeats.hasSeen(place) && !input.deadLetters.has(place));
  const foreign = repeats.seen.filter(([place, { key, number }]) => {
    const put = byPlace.get(place);
    return put === undefined || put.key !== key || put.number !== number;
  });
  return {
    produced: byPlace.size,
    missing: lacking.length,
    outOfOrder: order.count,
    repeated: repeats.repeated,
    unexcused: repeats.unexcused,
    repeatedBound: repeats.bound,
    foreign: foreign.length,
    examples: [
      ...lacking.slice(0, mostExamples).map(([place, { key, number }]) => `missing: ${place} (${key} ${number})`),
      ...order.examples,
      ...repeats.examples,
      ...foreign.slice(0, mostExamples).map(([place, { key, number }]) => `foreign: ${place} (${key} ${number})`),
    ],
  };
}

/** Looks at the first sight of each record: its shard's numbers and its key's must grow. */
class OrderCheck {
  count = 0;
  readonly examples: string[] = [];
  readonly #lastOfShard = new Map<string, { readonly sequence: bigint; readonly sub: number }>();
  readonly #lastOfKey = new Map<string, number>();

  note({ worker, shardId, atMillis }: HandledLine, record: HandledRecord): void {
    const sequence = BigInt(record.sequenceNumber);
    const last = this.#lastOfShard.get(shardId);
    const sub = record.subSequenceNumber;
    const isLater = last === undefined || sequence > last.sequence || (sequence === last.sequence && sub > last.sub);
    if (isLater) this.#lastOfShard.set(shardId, { sequence, sub });
    const lastNumber = this.#lastOfKey.get(record.key) ?? 0;
    if (record.number > lastNumber) this.#lastOfKey.set(record.key, record.number);
    if (isLater && record.number > lastNumber) return;
    this.count += 1;
    if (this.examples.length < mostExamples) {
      const what = `${record.key} ${record.number} after ${isLater ? `number ${lastNumber}` : 'a later record of the shard'}`;
      this.examples.push(`out of order: ${what}, in ${shardId} by ${worker} at ${Math.round(atMillis)} ms`);
    }
  }
}

interface Sight {
  readonly worker: string;
  readonly atMillis: number;
  /** Whether any sight of it so far may be forgotten. */
  readonly isExcused: boolean;
  readonly key: string;
  readonly number: number;
}

/** Counts what was handled again, and whether it may have been. */
class RepeatCheck {
  repeated = 0;
  unexcused = 0;
  bound = 0;
  readonly examples: string[] = [];
  readonly #input: AuditInput;
  readonly #sights = new Map<string, Sight>();

  constructor(input: AuditInput) {
    this.#input = input;
  }

  get seen(): [string, Sight][] {
    return [...this.#sights].map(([place, sight]) => [place.split('/')[0] ?? place, sight]);
  }

  hasSeen(place: string): boolean {
    return this.#sights.has(`${place}/0`);
  }

  /** Takes note of a record; answers whether this is its first sight. */
  note(line: HandledLine, record: HandledRecord): boolean {
    const { worker, atMillis, shardId } = line;
    const place = `${placeOf(shardId, record.sequenceNumber)}/${record.subSequenceNumber}`;
    const before = this.#sights.get(place);
    const isExcused = this.#input.excuses.some((excuse) => fits(excuse, line));
    const isLate = this.#input.lateWork.some((late) => isLateWork(late, line));
    if (isExcused || isLate) this.bound += 1;
    const { key, number } = record;
    this.#sights.set(place, { worker, atMillis, key, number, isExcused: isExcused || before?.isExcused === true });
    if (before === undefined) return true;
    this.repeated += 1;
    if (before.isExcused || isLate) return false;
    this.unexcused += 1;
    if (this.examples.length < mostExamples) {
      const [first, again] = [before, { worker, atMillis }].map(
        (one) => `${one.worker} at ${Math.round(one.atMillis)} ms`,
      );
      this.examples.push(`repeated: ${place}, by ${first}, then by ${again}`);
    }
    return false;
  }
}

function fits(excuse: Excuse, { worker, shardId, atMillis }: HandledLine): boolean {
  if (excuse.worker !== undefined && excuse.worker !== worker) return false;
  if (excuse.shardId !== undefined && excuse.shardId !== shardId) return false;
  return atMillis >= excuse.fromMillis && atMillis <= excuse.throughMillis;
}

function isLateWork(late: LateWork, { worker, sinceMillis, atMillis }: HandledLine): boolean {
  return late.worker === worker && sinceMillis <= late.begunBeforeMillis && atMillis > late.begunBeforeMillis;
}
