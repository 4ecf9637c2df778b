import { seededRandom } from '../base/random.ts';
import { type Lease, isEnded } from '../lease/lease.ts';
import { chooseAssignmentPlan } from '../lease/plan/assignment-plan.ts';
import { type Move, type WorkerView, defaultAssignmentOptions } from '../lease/plan/utilization-types.ts';
import type { Fleet } from './fleet.ts';

/** What a fleet without faults still lacks, as the end of a sentence; `undefined` when it has converged. */
export function whyNotConverged(fleet: Fleet): string | undefined {
  const { ledger, table } = fleet;
  for (const shard of ledger.shards) {
    const record = ledger.firstUnfinished(shard);
    if (record !== undefined) return `record ${record.number} of ${shard.shardId} is not finished`;
  }
  const closed = table.rows.find((row) => !isEnded(row) && ledger.shard(row.leaseKey).closed);
  if (closed !== undefined) return `${closed.leaseKey} is closed and not ended`;
  return whyNotOwned(fleet) ?? whyNotBalanced(fleet);
}

/** Which shard no live worker reads. */
export function whyNotOwned({ table, kinesis, workers }: Fleet): string | undefined {
  const alive = new Set(workers.filter((worker) => worker.isAlive).map(({ name }) => name));
  for (const row of table.rows) {
    if (isEnded(row)) continue;
    if (row.leaseOwner === undefined || !alive.has(row.leaseOwner)) return `nobody alive owns ${row.leaseKey}`;
    if (row.checkpointOwner !== undefined) return `the handoff of ${row.leaseKey} has not ended`;
  }
  const leased = new Set(table.rows.map(({ leaseKey }) => leaseKey));
  const unleased = kinesis.openShards.find(({ shardId }) => !leased.has(shardId));
  return unleased === undefined ? undefined : `${unleased.shardId} has no lease`;
}

/**
 * Whether the leases are balanced by the rules of the strategy. By number of leases nobody has more than a fair share. By
 * utilisation the strategy's own plan, on what is and not on what a leader has seen of it, moves nothing more; what a leader
 * knows of the throughput is smoothed over time, so a move is due only when the plan makes it with and without throughput,
 * and nothing is said of workers that are judged by throughput alone.
 */
function whyNotBalanced(fleet: Fleet): string | undefined {
  const leases = fleet.table.rows.filter((row) => !isEnded(row));
  const workers = viewsOf(fleet);
  const usable = workers.filter((worker) => !hasFailed(worker));
  const judged = usable.length > 0 ? usable : workers;
  const countOf = (name: string) => leases.filter(({ leaseOwner }) => leaseOwner === name).length;
  const text = workers.map(({ workerIdentifier: name }) => `${name} has ${countOf(name)}`).join(', ');
  if (fleet.strategy === 'LEASE_COUNT_BASED') {
    const fair = Math.ceil(leases.length / judged.length);
    const isOver = judged.some(({ workerIdentifier }) => countOf(workerIdentifier) > fair);
    return isOver ? `the leases are not balanced: ${text}, over ${fair}` : undefined;
  }
  if (!judged.every(measuresCpu)) return undefined;
  const move = dueMove(fleet, leases, workers);
  if (move === undefined || dueMove(fleet, leases.map(withoutThroughput), workers) === undefined) return undefined;
  return `the leases are not balanced: ${text}, and ${move.leaseKey} should go from ${move.from} to ${move.to}`;
}

function dueMove(fleet: Fleet, leases: readonly Lease[], workers: readonly WorkerView[]): Move | undefined {
  const [move] = chooseAssignmentPlan(fleet.strategy)({
    leases: leases.map((lease) => ({ lease, unchangedSinceMillis: 0 })),
    workers,
    options: { ...defaultAssignmentOptions, failoverTimeMillis: fleet.settings.failoverTimeMillis },
    nowMillis: 0,
    balance: true,
    random: seededRandom(1),
  });
  return move;
}

function viewsOf({ table, workers }: Fleet): readonly WorkerView[] {
  const alive = [...new Set(workers.filter((worker) => worker.isAlive).map(({ name }) => name))].sort();
  return alive.map((workerIdentifier) => {
    const row = table.workerRows.find((one) => one.workerIdentifier === workerIdentifier);
    return row === undefined
      ? { workerIdentifier }
      : { workerIdentifier, metrics: { sts: row.metrics, opr: row.operatingRange } };
  });
}

function hasFailed({ metrics }: WorkerView): boolean {
  return metrics?.sts['C']?.at(-1) === -1;
}

function measuresCpu({ metrics }: WorkerView): boolean {
  return metrics?.sts['C'] !== undefined;
}

function withoutThroughput({ throughputKBps: _, ...lease }: Lease): Lease {
  return lease;
}
