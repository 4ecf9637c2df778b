import { isEnded } from '../../../../lib/lease/lease.ts';
import type { LeaseTableCall } from '../../../../lib/testkit/fake-lease-table.ts';
import type { Measured } from './scenes.ts';
import { Stage } from './stage.ts';

/** A lease row of Millrace with all its attributes, in bytes; and a worker's row with ten averages. */
const rowBytes = 512;
/** A key of the owner index: owner and lease key. */
const indexKeyBytes = 100;
/** What a read unit brings, consistently read; half of it is charged for an eventually consistent read. */
const readUnitBytes = 4_096;

/** Read and write units of DynamoDB. */
interface Units {
  reads: number;
  writes: number;
}

/**
 * What the fleet's calls cost while nothing happens, per lease and hour: five workers share the leases and checkpoint steadily.
 * Counted by DynamoDB's rules from the calls of the port: a write of a row up to 1 KB is one unit; the keys-only owner index
 * costs more only when an owner changes.
 */
export async function unitsPerLeaseHour(leases: number, seed: number, millis: number): Promise<Measured> {
  const stage = new Stage({
    seed,
    shards: leases,
    workers: 5,
    recordsPerSecond: Math.min(leases, 200),
  });
  await stage.settle();
  const units: Units = { reads: 0, writes: 0 };
  const { table } = stage.fleet;
  table.intercept = (call) => count(units, call, table.rows.length, table.workerRows.length);
  await stage.fleet.advance(millis);
  table.intercept = () => {};
  const open = table.rows.filter((row) => !isEnded(row)).length;
  await stage.leave();
  const perLeaseHour = 3_600_000 / millis / open;
  return { readUnits: units.reads * perLeaseHour, writeUnits: units.writes * perLeaseHour };
}

function count(units: Units, call: LeaseTableCall, leases: number, workers: number): void {
  switch (call.name) {
    case 'scan':
      units.reads += readUnits((leases + workers + 1) * rowBytes) * (call.consistency === 'eventual' ? 0.5 : 1);
      break;
    case 'listKeysOwnedBy':
      units.reads += 0.5 * readUnits((leases / Math.max(1, workers)) * indexKeyBytes);
      break;
    case 'get':
    case 'readLock':
      units.reads += 1;
      break;
    case 'coordination':
    case 'open':
      break;
    default:
      units.writes += 1;
  }
}

function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / readUnitBytes));
}
