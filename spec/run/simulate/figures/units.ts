import { itemFromLease } from '../../../../lib/lease/dynamo/lease-item.ts';
import type { DynamoItem } from '../../../../lib/lease/dynamo/item.ts';
import { isEnded } from '../../../../lib/lease/lease.ts';
import type { FakeLeaseTable, LeaseTableCall } from '../../../../lib/testkit/fake-lease-table.ts';
import type { Measured } from './scenes.ts';
import { Stage } from './stage.ts';

/** A worker's row with ten averages, in bytes. */
const workerRowBytes = 300;
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
 * What the fleet's calls cost while nothing happens, per lease and hour: four workers share the leases and checkpoint steadily.
 * Counted by DynamoDB's rules from the calls of the port: a write of a row up to 1 KB is one unit; the keys-only owner index
 * costs more only when an owner changes.
 */
export async function unitsPerLeaseHour(leases: number, seed: number, millis: number): Promise<Measured> {
  const stage = new Stage({
    seed,
    shards: leases,
    workers: 4,
    recordsPerSecond: Math.min(leases, 100),
    // What is read matters little here, and how often not at all.
    idleTimeBetweenReadsInMillis: leases > 1_000 ? 30_000 : 1_000,
  });
  await stage.settle();
  const units: Units = { reads: 0, writes: 0 };
  const { table } = stage.fleet;
  table.intercept = (call) => count(units, call, tableOf(table));
  await stage.fleet.advance(millis);
  table.intercept = () => {};
  const open = table.rows.filter((row) => !isEnded(row)).length;
  await stage.leave();
  const perLeaseHour = 3_600_000 / millis / open;
  return { readUnits: units.reads * perLeaseHour, writeUnits: units.writes * perLeaseHour };
}

interface TableSize {
  readonly leases: number;
  readonly workers: number;
  readonly bytes: number;
}

function tableOf({ rows, workerRows }: FakeLeaseTable): TableSize {
  const [first] = rows;
  const leaseBytes = first === undefined ? 0 : bytesOf(itemFromLease(first));
  return {
    leases: rows.length,
    workers: workerRows.length,
    bytes: rows.length * leaseBytes + (workerRows.length + 1) * workerRowBytes,
  };
}

/** DynamoDB's rule: names and texts as UTF-8, two digits of a number to a byte and one more. */
function bytesOf(item: DynamoItem): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) {
    bytes += name.length;
    if ('S' in value) bytes += value.S.length;
    else if ('N' in value) bytes += Math.ceil(value.N.length / 2) + 1;
    else if ('SS' in value) bytes += value.SS.reduce((sum, text) => sum + text.length + 1, 3);
    else bytes += 1;
  }
  return bytes;
}

function count(units: Units, call: LeaseTableCall, { leases, workers, bytes }: TableSize): void {
  switch (call.name) {
    case 'scan':
      units.reads += readUnits(bytes) * shareOf(call.consistency);
      break;
    case 'listKeysOwnedBy':
      units.reads += 0.5 * readUnits((leases / Math.max(1, workers)) * indexKeyBytes);
      break;
    case 'readLock':
      units.reads += shareOf(call.consistency);
      break;
    case 'get':
      units.reads += 1;
      break;
    case 'coordination':
    case 'open':
      break;
    default:
      units.writes += 1;
  }
}

function shareOf(consistency: 'consistent' | 'eventual'): number {
  return consistency === 'eventual' ? 0.5 : 1;
}

function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / readUnitBytes));
}
