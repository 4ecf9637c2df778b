import { seededRandom } from '../base/random.ts';
import { type Lease, isEnded } from '../lease/lease.ts';
import { chooseAssignmentPlan } from '../lease/plan/assignment-plan.ts';
import { type WorkerView, defaultAssignmentOptions } from '../lease/plan/utilization-types.ts';
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
 * Whether the leases are balanced by the rules of the strategy: its own plan, on what is and not on what a leader has seen
 * of it, moves nothing more. Where only numbers of leases count, they are compared as well.
 */
function whyNotBalanced(fleet: Fleet): string | undefined {
  const leases = fleet.table.rows.filter((row) => !isEnded(row));
  const workers = viewsOf(fleet);
  const [move] = chooseAssignmentPlan(fleet.strategy)({
    leases: leases.map((lease) => ({ lease, unchangedSinceMillis: 0 })),
    workers,
    options: { ...defaultAssignmentOptions, failoverTimeMillis: fleet.settings.failoverTimeMillis },
    nowMillis: 0,
    balance: true,
    random: seededRandom(1),
  });
  const counts = countsOf(
    leases,
    workers.map(({ workerIdentifier }) => workerIdentifier),
  );
  const text = [...counts].map(([name, count]) => `${name} has ${count}`).join(', ');
  if (move !== undefined) {
    return `the leases are not balanced: ${text}, and ${move.leaseKey} should go from ${move.from} to ${move.to}`;
  }
  if (fleet.strategy !== 'LEASE_COUNT_BASED') return undefined;
  const usable = workers.filter((worker) => !hasFailed(worker));
  const judged = usable.length > 0 ? usable : workers;
  const fair = Math.ceil(leases.length / judged.length);
  const over = judged.find(({ workerIdentifier }) => (counts.get(workerIdentifier) ?? 0) > fair);
  return over === undefined ? undefined : `the leases are not balanced: ${text}, over ${fair}`;
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

function countsOf(leases: readonly Lease[], names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name) => [name, leases.filter(({ leaseOwner }) => leaseOwner === name).length]));
}
