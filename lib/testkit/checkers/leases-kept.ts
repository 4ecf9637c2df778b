import type { Lease } from '../../lease/lease.ts';
import type { CheckContext, Checker, LeaseChange } from './checker.ts';

/** A lease is deleted only at the end of its shard, its children are leased before it ends, and a start is resolved once. */
export function leasesKept(context: CheckContext): Checker {
  return new LeasesKept(context);
}

class LeasesKept implements Checker {
  readonly promise = 'no lease is lost: it ends after its children are leased, and its start is resolved once';
  readonly #context: CheckContext;
  readonly #everLeased = new Set<string>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onLease({ before, after, writer }: LeaseChange): void {
    const { fail } = this.#context;
    if (after === undefined) {
      if (before !== undefined && writer !== undefined && before.checkpoint.kind !== 'SHARD_END') {
        fail(`${writer.id} deleted the lease of ${before.leaseKey}, which is not ended`);
      }
      return;
    }
    this.#everLeased.add(after.leaseKey);
    if (before !== undefined && isResolvedAnew(before, after)) {
      fail(
        `the start of ${after.leaseKey} was resolved again, from ${before.initialTimestampMillis} to ${after.initialTimestampMillis}`,
      );
    }
    if (after.checkpoint.kind === 'SHARD_END' && before?.checkpoint.kind !== 'SHARD_END') this.#childrenFirst(after);
  }

  #childrenFirst({ leaseKey }: Lease): void {
    const { ledger, kinesis } = this.#context;
    const listed = new Set(kinesis.shards.map(({ shardId }) => shardId));
    const missing = ledger
      .childrenOf(leaseKey)
      .find(({ shardId }) => listed.has(shardId) && !this.#everLeased.has(shardId));
    if (missing !== undefined)
      this.#context.fail(`${leaseKey} was ended before its child ${missing.shardId} was leased`);
  }
}

function isResolvedAnew(before: Lease, after: Lease): boolean {
  return before.initialTimestampMillis !== undefined && before.initialTimestampMillis !== after.initialTimestampMillis;
}
