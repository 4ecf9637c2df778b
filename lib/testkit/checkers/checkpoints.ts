import { comparePositions, formatPosition } from '../../base/position.ts';
import type { Lease } from '../../lease/lease.ts';
import type { CheckContext, Checker, LeaseChange } from './checker.ts';

/** A checkpoint never goes back, and never passes a record that is not finished. */
export function checkpointsFollowAcks(context: CheckContext): Checker {
  return new CheckpointsFollowAcks(context);
}

class CheckpointsFollowAcks implements Checker {
  readonly promise = 'a checkpoint never goes back and never passes a record that is not finished';
  readonly #context: CheckContext;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onLease({ before, after }: LeaseChange): void {
    if (after === undefined) return;
    if (before !== undefined) {
      const moved = comparePositions(after.checkpoint, before.checkpoint);
      if (moved === 0) return;
      if (moved < 0) {
        this.#context.fail(
          `the checkpoint of ${after.leaseKey} went back from ${formatPosition(before.checkpoint)} to ${formatPosition(after.checkpoint)}`,
        );
        return;
      }
    }
    this.#passesNothing(after);
  }

  #passesNothing(row: Lease): void {
    const { ledger, fail } = this.#context;
    const { leaseKey, checkpoint } = row;
    if (checkpoint.kind !== 'SEQUENCE' && checkpoint.kind !== 'SHARD_END') return;
    const shard = ledger.shard(leaseKey);
    const open = ledger.firstUnfinished(shard);
    if (checkpoint.kind === 'SHARD_END' && !shard.closed) fail(`${leaseKey} was ended, but it is open`);
    if (open === undefined) return;
    if (checkpoint.kind === 'SEQUENCE' && open.sequence > checkpoint.sequenceNumber) return;
    fail(
      `the checkpoint of ${leaseKey} is ${formatPosition(checkpoint)}, but record ${open.number} at ${open.sequence} is not finished`,
    );
  }
}
