import type { Block } from '../../block/block.ts';
import { comparePositions, formatPosition } from '../../base/position.ts';
import type { Lease } from '../../lease/lease.ts';
import type { CheckContext, CheckedWorker, Checker, LeaseChange } from './checker.ts';

/**
 * A tenure belongs to one process, and only that process writes under it: positions, texts and releases.
 */
export function oneWriterPerFence(context: CheckContext): Checker {
  return new OneWriterPerFence(context);
}

class OneWriterPerFence implements Checker {
  readonly promise = 'a tenure belongs to one process, and nobody else writes what it protects';
  readonly #context: CheckContext;
  readonly #holders = new Map<string, CheckedWorker>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onLease({ before, after, writer }: LeaseChange): void {
    if (after === undefined || writer === undefined) return;
    if (before !== undefined && after.leaseCounter < before.leaseCounter) {
      const counters = `${before.leaseCounter} to ${after.leaseCounter}`;
      return this.#context.fail(`${writer.id} set the counter of ${after.leaseKey} back from ${counters}`);
    }
    if (after.tenure !== before?.tenure) this.#begun(before, after, writer);
    else if (before !== undefined && isProtected(before, after)) this.#written(before, after, writer);
  }

  #begun(before: Lease | undefined, after: Lease, writer: CheckedWorker): void {
    const { fail } = this.#context;
    const { leaseKey, tenure } = after;
    if (tenure === undefined) return fail(`${writer.id} removed the tenure of ${leaseKey}`);
    const key = `${leaseKey}@${tenure}`;
    const holder = this.#holders.get(key);
    if (holder !== undefined) return fail(`${writer.id} began tenure ${key}, which ${holder.id} has begun before`);
    if (before?.tenure !== undefined && tenure < before.tenure) {
      return fail(`${writer.id} began tenure ${key} after tenure ${before.tenure}`);
    }
    if (after.leaseOwner !== writer.name)
      return fail(`${writer.id} began tenure ${key} of ${after.leaseOwner}'s lease`);
    if (tenure !== after.leaseCounter) fail(`tenure ${key} began with counter ${after.leaseCounter}`);
    if (before !== undefined && changesPosition(before, after)) fail(`${writer.id} moved ${key} as it began`);
    this.#holders.set(key, writer);
  }

  /** A position, a text of the engine or the owner was written under the tenure that the row had. */
  #written(before: Lease, after: Lease, writer: CheckedWorker): void {
    const { fail } = this.#context;
    const key = `${before.leaseKey}@${before.tenure ?? 'none'}`;
    const what = `${formatPosition(before.checkpoint)} -> ${formatPosition(after.checkpoint)}`;
    if (before.leaseOwner !== writer.name && before.checkpointOwner !== writer.name) {
      return fail(`${writer.id} wrote ${what} to ${key}, which ${before.leaseOwner ?? 'nobody'} owns`);
    }
    const holder = this.#holders.get(key);
    if (holder?.id !== writer.id) {
      fail(`${writer.id} wrote ${what} to ${key}, which ${holder?.id ?? 'nobody'} has begun`);
    }
  }

  onBlock(worker: CheckedWorker, block: Block): void {
    const holder = this.#holders.get(`${block.shardId}@${block.tenure}`);
    if (holder?.id !== worker.id) {
      this.#context.fail(`${worker.id} was given ${block.id} of a tenure that ${holder?.id ?? 'nobody'} has begun`);
    }
  }
}

function isProtected(before: Lease, after: Lease): boolean {
  return changesPosition(before, after) || before.engineState !== after.engineState;
}

function changesPosition(before: Lease, after: Lease): boolean {
  return comparePositions(before.checkpoint, after.checkpoint) !== 0;
}
