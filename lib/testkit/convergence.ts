import { isEnded } from '../lease/lease.ts';
import type { Fleet } from './fleet.ts';

/** What a fleet without faults still lacks, as the end of a sentence; `undefined` when it has converged. */
export function whyNotConverged(fleet: Fleet): string | undefined {
  const { ledger, table } = fleet;
  for (const shard of ledger.shards) {
    const record = ledger.firstUnfinished(shard);
    if (record !== undefined) return `record ${record.number} of ${shard.shardId} is not finished`;
  }
  const alive = fleet.workers.filter((worker) => worker.isAlive).map(({ name }) => name);
  const loads = new Map(alive.map((name) => [name, 0]));
  for (const row of table.rows) {
    if (isEnded(row)) continue;
    if (ledger.shard(row.leaseKey).closed) return `${row.leaseKey} is closed and not ended`;
    const load = row.leaseOwner === undefined ? undefined : loads.get(row.leaseOwner);
    if (row.leaseOwner === undefined || load === undefined) return `nobody alive owns ${row.leaseKey}`;
    if (row.checkpointOwner !== undefined) return `the handoff of ${row.leaseKey} has not ended`;
    loads.set(row.leaseOwner, load + 1);
  }
  for (const { shardId } of fleet.kinesis.openShards) {
    if (!table.rows.some((row) => row.leaseKey === shardId)) return `${shardId} has no lease`;
  }
  const counts = [...loads.values()];
  if (Math.max(...counts) - Math.min(...counts) > 1) {
    return `the leases are not balanced: ${[...loads].map(([name, count]) => `${name} has ${count}`).join(', ')}`;
  }
  return undefined;
}
