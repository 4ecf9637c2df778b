import { type Position, comparePositions } from '../../base/position.ts';
import type { LedgerRecord, LedgerShard } from '../ledger.ts';

/** What was counted of one key: how many records, and the sum of their numbers, which tells a repeat beside a hole. */
export interface Counted {
  readonly count: number;
  readonly sum: number;
}

/** What was counted, by key. */
export type Tally = ReadonlyMap<string, Counted>;

/** Adds a record to what was counted of its key. */
export function countOne(before: Counted | undefined, number: number): Counted {
  return { count: (before?.count ?? 0) + 1, sum: (before?.sum ?? 0) + number };
}

/** The first key in which two tallies differ, as a sentence; `undefined` when they are the same. */
export function differenceOf(found: Tally, expected: Tally): string | undefined {
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [is, must] = [found.get(key), expected.get(key)];
    if (is?.count === must?.count && is?.sum === must?.sum) continue;
    return `${key} is counted ${textOf(is)}, and must be ${textOf(must)}`;
  }
  return undefined;
}

function textOf(counted: Counted | undefined): string {
  return counted === undefined ? '0 times' : `${counted.count} times (sum ${counted.sum})`;
}

/** Counts the records of one shard up to where they are committed; only moves on. */
export class CountedShard {
  readonly #shard: LedgerShard;
  #index = 0;
  position: Position = { kind: 'TRIM_HORIZON' };

  constructor(shard: LedgerShard) {
    this.#shard = shard;
  }

  /** The first record that is not committed. */
  get first(): LedgerRecord | undefined {
    return this.#shard.records[this.#index];
  }

  /** Moves on to a position, and answers the records between. */
  moveTo(position: Position): readonly LedgerRecord[] {
    const { records } = this.#shard;
    const from = this.#index;
    const isBefore = ({ sequence }: LedgerRecord) =>
      comparePositions({ kind: 'SEQUENCE', sequenceNumber: sequence, subSequenceNumber: 0 }, position) <= 0;
    while (this.#index < records.length && isBefore(records[this.#index] as LedgerRecord)) this.#index += 1;
    this.position = position;
    return records.slice(from, this.#index);
  }
}
