import { type Position, comparePositions, formatPosition } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import type { LedgerRecord, LedgerShard } from '../ledger.ts';
import type { CheckContext, CheckedWorker, Checker, LeaseChange } from './checker.ts';

/**
 * The blocks of one tenure begin at the checkpoint with which it began, follow each other, and hold every record of their
 * ranges, in order and once.
 */
export function noGap(context: CheckContext): Checker {
  return new NoGap(context);
}

class NoGap implements Checker {
  readonly promise = 'the blocks of a tenure hold every record, in order and once';
  readonly #context: CheckContext;
  /** By tenure: where its next block begins. */
  readonly #through = new Map<string, Position>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onLease({ before, after }: LeaseChange): void {
    if (after?.tenure === undefined || after.tenure === before?.tenure) return;
    this.#through.set(`${after.leaseKey}@${after.tenure}`, after.checkpoint);
  }

  onBlock(_worker: CheckedWorker, block: Block): void {
    const { ledger, fail } = this.#context;
    const key = `${block.shardId}@${block.tenure}`;
    const { after, through } = block.range;
    const begin = this.#through.get(key);
    this.#through.set(key, through);
    if (begin !== undefined && comparePositions(after, begin) !== 0) {
      return fail(`${block.id} begins after ${formatPosition(after)}, not after ${formatPosition(begin)}`);
    }
    const shard = ledger.shard(block.shardId);
    const expected = recordsBetween(shard, after, through);
    let index = 0;
    for (const record of block.records) {
      let next = expected[index];
      // What is not required may be left out at the begin, and what retention took anywhere.
      while (next !== undefined && String(next.sequence) !== record.sequenceNumber && !this.#isRequired(shard, next)) {
        index += 1;
        next = expected[index];
      }
      if (next === undefined) return fail(`${block.id} holds ${record.sequenceNumber}, which does not belong there`);
      if (String(next.sequence) !== record.sequenceNumber) {
        return fail(`${block.id} leaves out record ${next.number} at ${next.sequence}`);
      }
      next.delivered += 1;
      index += 1;
    }
    const left = expected.slice(index).find((record) => this.#isRequired(shard, record));
    if (left !== undefined) fail(`${block.id} leaves out record ${left.number} at ${left.sequence}`);
  }

  #isRequired(shard: LedgerShard, record: LedgerRecord): boolean {
    return this.#context.ledger.isRequired(shard, record);
  }
}

/** The records of (after, through]. */
function recordsBetween(shard: LedgerShard, after: Position, through: Position): readonly LedgerRecord[] {
  const first = after.kind === 'SEQUENCE' ? indexAfter(shard, after.sequenceNumber) : 0;
  const end = through.kind === 'SEQUENCE' ? indexAfter(shard, through.sequenceNumber) : shard.records.length;
  return shard.records.slice(first, end);
}

function indexAfter(shard: LedgerShard, sequence: bigint): number {
  const index = shard.bySequence.get(String(sequence));
  if (index !== undefined) return index + 1;
  const following = shard.records.findIndex((record) => record.sequence > sequence);
  return following === -1 ? shard.records.length : following;
}
