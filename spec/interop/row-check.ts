import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Row, type TableRows, keyOf } from './tables.ts';

/** Which of the two layouts of KCL 3 an application has. */
export type TableLayout = 'single' | 'legacy';

type Check = (value: AttributeValue) => boolean;

const text: Check = (value) => value.S !== undefined && value.S !== '';
const decimal: Check = (value) => /^\d+$/.test(value.S ?? '');
const whole: Check = (value) => /^-?\d+$/.test(value.N ?? '');
const number: Check = (value) => Number.isFinite(Number(value.N));
const texts: Check = (value) => value.SS !== undefined && value.SS.length > 0;
const position: Check = (value) => /^(\d+|TRIM_HORIZON|LATEST|AT_TIMESTAMP|SHARD_END)$/.test(value.S ?? '');
const listsOf =
  (check: Check): Check =>
  (value) =>
    Object.values(value.M ?? { none: { NULL: true } }).every((entry) => entry.L?.every(check) ?? false);

/** What the Java classes can read, by attribute (kcl.md 1.1, 1.3); `required` must be there. */
interface Shape {
  readonly required: readonly string[];
  readonly checks: Readonly<Record<string, Check>>;
}

const lease: Shape = {
  required: ['leaseCounter', 'checkpoint', 'checkpointSubSequenceNumber', 'ownerSwitchesSinceCheckpoint'],
  checks: {
    leaseCounter: whole,
    leaseOwner: text,
    ownerSwitchesSinceCheckpoint: whole,
    checkpoint: position,
    checkpointSubSequenceNumber: whole,
    pendingCheckpoint: position,
    pendingCheckpointSubSequenceNumber: whole,
    pendingCheckpointState: (value) => value.B !== undefined || value.N !== undefined,
    parentShardId: texts,
    childShardIds: texts,
    startingHashKey: decimal,
    endingHashKey: decimal,
    throughputKBps: number,
    checkpointOwner: text,
  },
};

const worker: Shape = {
  required: ['lut'],
  checks: {
    lut: whole,
    // Java reads the values as doubles and the ranges as longs.
    sts: listsOf(number),
    opr: listsOf(whole),
    sup: whole,
    slu: whole,
  },
};

const leader: Shape = {
  required: ['ownerName', 'leaseDuration', 'recordVersionNumber'],
  checks: { ownerName: text, leaseDuration: decimal, recordVersionNumber: text, isReleased: text, data: () => true },
};

const clientVersion: Shape = {
  required: ['cv', 'mb', 'mts'],
  checks: { cv: (value) => value.S === 'CLIENT_VERSION_3X', mb: text, mts: whole },
};

/** What is wrong with the rows of an application, one line each; a row that Java could not read is wrong. */
export function rowFaults(tables: TableRows, layout: TableLayout): string[] {
  const expected = layout === 'single' ? [''] : ['', '-WorkerMetricStats', '-CoordinatorState'];
  const strays = Object.keys(tables).filter((name) => !expected.includes(name));
  return [
    ...strays.map((name) => `there is a table *${name}`),
    ...Object.entries(tables).flatMap(([name, rows]) => rows.flatMap((row) => faultsOf(row, name, layout))),
  ];
}

function faultsOf(row: Row, table: string, layout: TableLayout): string[] {
  const key = keyOf(row);
  const entityType = row['entityType']?.S;
  const at = (fault: string) => `row ${key} of table *${table}: ${fault}`;
  if (key === '') return [at(`it has no key: ${JSON.stringify(row)}`)];
  // 3.0 to 3.4 take every row of the lease table for a lease, and know no other types in theirs.
  const shape = layout === 'single' ? shapeByType(entityType) : shapeByTable(table, key);
  if (shape === undefined) return [at(`its entityType is ${entityType}`)];
  if (layout === 'legacy' && table === '' && (entityType ?? 'LEASE') !== 'LEASE') return [at('it is no lease')];
  return [
    ...shape.required.filter((name) => row[name] === undefined).map((name) => at(`it lacks ${name}`)),
    ...Object.entries(shape.checks).flatMap(([name, check]) => {
      const value = row[name];
      return value === undefined || check(value) ? [] : [at(`${name} is ${JSON.stringify(value)}`)];
    }),
    ...(shape === lease ? leaseFaults(row) : []).map(at),
    ...(shape === worker ? workerFaults(row) : []).map(at),
  ];
}

function shapeByType(entityType: string | undefined): Shape | undefined {
  switch (entityType) {
    case undefined:
    case 'LEASE':
      return lease;
    case 'WORKER_METRIC_STATS':
      return worker;
    case 'LEADER':
      return leader;
    case 'CLIENT_VERSION_MIGRATION':
      return clientVersion;
    default:
      return undefined;
  }
}

function shapeByTable(table: string, key: string): Shape {
  if (table === '') return lease;
  if (table === '-WorkerMetricStats') return worker;
  return key === 'Leader' ? leader : clientVersion;
}

function leaseFaults(row: Row): string[] {
  const start = row['startingHashKey']?.S;
  const end = row['endingHashKey']?.S;
  const owners = row['checkpointOwner'] !== undefined && row['leaseOwner'] === undefined;
  return [
    ...((start === undefined) === (end === undefined) ? [] : ['it has one hash key without the other']),
    ...(start === undefined || end === undefined || BigInt(start) < BigInt(end) ? [] : ['its hash range is empty']),
    ...(owners ? ['it has a checkpointOwner and no leaseOwner'] : []),
  ];
}

function workerFaults(row: Row): string[] {
  const ranges = row['opr']?.M ?? {};
  return Object.keys(row['sts']?.M ?? {}).flatMap((metric) => {
    const top = Number(ranges[metric]?.L?.[0]?.N ?? 0);
    return top > 0 ? [] : [`metric ${metric} has no operating range`];
  });
}
