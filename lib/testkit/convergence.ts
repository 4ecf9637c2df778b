import { isEnded } from '../lease/lease.ts';
import type { Fleet } from './fleet.ts';

/** A leader balances in every third turn, which comes after F/4 at most when there is little to scan. */
const balancedWithinMillis = 15_000;

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
export function whyNotOwned(fleet: Fleet): string | undefined {
  const { table, kinesis } = fleet;
  const alive = new Set(aliveNames(fleet));
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
 * Whether the leases are balanced by the rules of the strategy. By number of leases nobody has two more than another. By
 * utilisation the leader has lately looked at everybody who lives, and saw nothing to move: what it knows of loads, smoothed
 * over time, nobody else does.
 */
function whyNotBalanced(fleet: Fleet): string | undefined {
  const leases = fleet.table.rows.filter((row) => !isEnded(row));
  const alive = aliveNames(fleet);
  const countOf = (name: string) => leases.filter(({ leaseOwner }) => leaseOwner === name).length;
  const text = alive.map((name) => `${name} has ${countOf(name)}`).join(', ');
  const balancing = fleet.lastBalancing;
  if (balancing === undefined) return `nobody has looked at the balance: ${text}`;
  const { input, moves, atMillis } = balancing;
  if (fleet.clock.monotonicMillis() - atMillis > balancedWithinMillis) {
    return `nobody has looked at the balance for ${balancedWithinMillis} ms: ${text}`;
  }
  const seen = new Set(input.workers.map(({ workerIdentifier }) => workerIdentifier));
  const unseen = alive.find((name) => !seen.has(name));
  if (unseen !== undefined) return `the leader does not know of ${unseen}`;
  const [move] = moves.filter(({ from, to }) => from !== to);
  if (move !== undefined) {
    return `the leases are not balanced: ${text}, and ${move.leaseKey} should go from ${move.from} to ${move.to}`;
  }
  if (fleet.strategy !== 'LEASE_COUNT_BASED') return undefined;
  const usable = input.workers.filter(({ metrics }) => metrics?.sts['C']?.at(-1) !== -1);
  const judged = usable.length > 0 ? usable : input.workers;
  const counts = judged.map(({ workerIdentifier }) => countOf(workerIdentifier));
  return Math.max(...counts) - Math.min(...counts) > 1 ? `the leases are not balanced: ${text}` : undefined;
}

function aliveNames({ workers }: Fleet): readonly string[] {
  return [...new Set(workers.filter((worker) => worker.isAlive).map(({ name }) => name))].sort();
}
