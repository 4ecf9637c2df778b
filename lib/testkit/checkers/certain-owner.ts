import type { Block } from '../../block/block.ts';
import { gracefulLeaseHandoffTimeoutMillis } from '../../lease/ages.ts';
import { type Lease, isEnded } from '../../lease/lease.ts';
import type { CheckContext, CheckedWorker, Checker, LeaseChange } from './checker.ts';

/** What clocks of different rates may make of F. */
const tolerance = 0.999;

/**
 * Nobody takes a lease from a worker before F has passed since its last write, or F more than it has for a handoff; and a
 * worker that hands out a block is at that moment the only one that may: two workers are never certain of one lease.
 */
export function certainOwner(context: CheckContext): Checker {
  return new CertainOwner(context);
}

class CertainOwner implements Checker {
  readonly promise = 'two workers are never certain of one lease at the same time';
  readonly #context: CheckContext;
  /** World time of the last change of each counter. */
  readonly #changedAtMillis = new Map<string, number>();
  /** World time at which the handoff that is pending has begun. */
  readonly #handoffs = new Map<string, number>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onLease({ before, after, writer }: LeaseChange): void {
    if (before !== undefined && after !== undefined && writer !== undefined) this.#written(before, after, writer);
    const nowMillis = this.#context.nowMillis();
    const key = (after ?? before)?.leaseKey;
    if (key === undefined) return;
    if (before?.leaseCounter !== after?.leaseCounter) this.#changedAtMillis.set(key, nowMillis);
    if (before?.checkpointOwner === after?.checkpointOwner) return;
    if (after?.checkpointOwner === undefined) this.#handoffs.delete(key);
    else this.#handoffs.set(key, nowMillis);
  }

  #written(before: Lease, after: Lease, writer: CheckedWorker): void {
    const { failoverTimeMillis } = writer.limits;
    const { leaseKey } = before;
    const owner = before.checkpointOwner ?? before.leaseOwner;
    const keepsRights = after.leaseOwner === owner || after.checkpointOwner === owner;
    // A process gives up what is its own name's; of an ended shard nothing is handed out any more.
    if (owner === undefined || keepsRights || owner === writer.name || isEnded(before)) return;
    const silentMillis = this.#context.nowMillis() - (this.#changedAtMillis.get(leaseKey) ?? -Infinity);
    if (silentMillis >= failoverTimeMillis * tolerance) return;
    if (this.#isHandoffOverdue(leaseKey, failoverTimeMillis)) return;
    const wrote = `which had written it ${Math.round(silentMillis)} ms before`;
    this.#context.fail(`${writer.id} took ${leaseKey} from ${owner}, ${wrote}`);
  }

  #isHandoffOverdue(leaseKey: string, failoverTimeMillis: number): boolean {
    const pendingMillis = this.#context.nowMillis() - (this.#handoffs.get(leaseKey) ?? Infinity);
    return pendingMillis > (gracefulLeaseHandoffTimeoutMillis + failoverTimeMillis) * tolerance;
  }

  onBlock(worker: CheckedWorker, block: Block): void {
    // A process whose clock has stood still cannot know better, and one whose twin gives its leases away neither; the
    // fence holds them back.
    if (worker.process.hasStoodStill || worker.hasTwin) return;
    const row = this.#context.table.rows.find(({ leaseKey }) => leaseKey === block.shardId);
    const hasRights = row?.leaseOwner === worker.name || row?.checkpointOwner === worker.name;
    if (hasRights && row?.tenure === block.tenure) return;
    const state = `owned by ${row?.leaseOwner ?? 'nobody'} in tenure ${row?.tenure ?? 'none'}`;
    this.#context.fail(`${worker.id} was given ${block.id} while the lease is ${state}`);
  }
}
