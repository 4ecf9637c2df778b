import { MillraceError } from '../../base/error.ts';
import { positionToRow } from '../../base/position.ts';
import type { LeaderLock, Lease, MetricSeries, WorkerRow } from '../lease.ts';
import { type DynamoItem, type DynamoValue, numberOf, stringOf } from './item.ts';
import { RowReader } from './row-reader.ts';
import type { ConditionParameters } from './update-expression.ts';

/** What a row of the lease table is (kcl.md 1.3). Rows that are neither leases nor worker rows are left alone. */
export type TableRow =
  | { readonly kind: 'lease'; readonly lease: Lease }
  | { readonly kind: 'worker'; readonly worker: WorkerRow }
  | { readonly kind: 'other' };

/** The value of `entityType` on lease rows; an absent one means a lease too. */
const LEASE = 'LEASE';
/** The value of `entityType` on the rows by which workers show that they live. */
const WORKER = 'WORKER_METRIC_STATS';
/** KCL's support code for the single-table layout, and what `sup` says of this worker (kcl.md 1.3, 2.9). */
const SINGLE_TABLE_SUPPORT = 1;

/**
 * Reads one row.
 * @throws MillraceError `MR_TABLE_FOREIGN` for a row that calls itself a lease and is none; `MR_TABLE_KIND` for a
 * lease of KCL's multi-stream mode
 */
export function rowFromItem(item: DynamoItem, tableName: string): TableRow {
  const entityType = stringOf(item, 'entityType');
  // Neither a lease nor a row of others: who made it of another type cannot be known.
  if (entityType === undefined && item['entityType'] !== undefined) {
    throw new RowReader(item, tableName).damaged('entityType', 'a text');
  }
  if (entityType === undefined || entityType === LEASE) {
    return { kind: 'lease', lease: leaseFromItem(item, tableName) };
  }
  return entityType === WORKER ? { kind: 'worker', worker: workerFromItem(item) } : { kind: 'other' };
}

/**
 * Reads a lease row, attribute by attribute as kcl.md 1.1 lists them. Unknown attributes are left where they are: every
 * later write is a partial update.
 * @throws MillraceError `MR_TABLE_FOREIGN`, `MR_TABLE_KIND` as {@link rowFromItem}
 */
export function leaseFromItem(item: DynamoItem, tableName: string): Lease {
  const row = new RowReader(item, tableName);
  const leaseKey = row.required('leaseKey', row.text('leaseKey'), 'a text');
  const leaseCounter = row.required('leaseCounter', row.count('leaseCounter'), 'a whole number');
  const checkpoint = row.required('checkpoint', row.position('checkpoint'), 'a position');
  if (stringOf(item, 'streamName') !== undefined) {
    throw new MillraceError(
      'MR_TABLE_KIND',
      `table ${tableName} holds leases of several streams (row ${leaseKey}); Millrace reads tables of one stream: name another tableName`,
      { subject: { table: tableName, lease: leaseKey } },
    );
  }
  return {
    leaseKey,
    leaseCounter,
    checkpoint,
    ownerSwitchesSinceCheckpoint: row.count('ownerSwitchesSinceCheckpoint') ?? 0,
    parentShardIds: row.texts('parentShardId'),
    childShardIds: row.texts('childShardIds'),
    ...present('leaseOwner', row.text('leaseOwner')),
    ...present('checkpointOwner', row.text('checkpointOwner')),
    ...present('pendingCheckpoint', row.position('pendingCheckpoint')),
    ...present('hashKeyRange', row.hashKeyRange()),
    ...optionalParts(item),
  };
}

function optionalParts(item: DynamoItem): Partial<Lease> {
  const state = item['pendingCheckpointState'];
  return {
    // KCL writes a number under this name when it creates a row, and bytes when it updates one (kcl.md 1.1).
    ...(state !== undefined && 'B' in state ? { pendingCheckpointState: state.B } : {}),
    ...present('throughputKBps', numberOf(item, 'throughputKBps')),
    ...present('tenure', numberOf(item, 'tenure')),
    ...present('initialTimestampMillis', numberOf(item, 'initialTimestampMillis')),
    ...present('streamArn', stringOf(item, 'streamArn')),
    ...present('streamCreatedAtMillis', numberOf(item, 'streamCreatedAt')),
    ...(isTrue(item, 'firstSyncEnded') ? { firstSyncEnded: true as const } : {}),
    ...present('engineState', stringOf(item, 'engineState')),
    ...present('engineInherit', textsOf(item, 'engineInherit')),
    ...present('caughtUpAtMillis', numberOf(item, 'caughtUpAtMillis')),
  };
}

/** A set of texts; `undefined` when it is absent or of another type. */
function textsOf(item: DynamoItem, name: string): readonly string[] | undefined {
  const value = item[name];
  return value !== undefined && 'SS' in value ? value.SS : undefined;
}

/** The whole item of a new lease. */
export function itemFromLease(lease: Lease): DynamoItem {
  const { checkpoint, subSequenceNumber } = positionToRow(lease.checkpoint);
  return {
    leaseKey: { S: lease.leaseKey },
    entityType: { S: LEASE },
    leaseCounter: number(lease.leaseCounter),
    ...(lease.leaseOwner === undefined ? {} : { leaseOwner: { S: lease.leaseOwner } }),
    ownerSwitchesSinceCheckpoint: number(lease.ownerSwitchesSinceCheckpoint),
    checkpoint: { S: checkpoint },
    checkpointSubSequenceNumber: number(subSequenceNumber),
    ...stringSet('parentShardId', lease.parentShardIds),
    ...stringSet('childShardIds', lease.childShardIds),
    ...(lease.hashKeyRange === undefined
      ? {}
      : {
          startingHashKey: { S: lease.hashKeyRange.startingHashKey },
          endingHashKey: { S: lease.hashKeyRange.endingHashKey },
        }),
    ...(lease.initialTimestampMillis === undefined
      ? {}
      : { initialTimestampMillis: number(lease.initialTimestampMillis) }),
    ...(lease.streamArn === undefined ? {} : { streamArn: { S: lease.streamArn } }),
    ...(lease.streamCreatedAtMillis === undefined ? {} : { streamCreatedAt: number(lease.streamCreatedAtMillis) }),
    ...(lease.firstSyncEnded === undefined ? {} : { firstSyncEnded: { BOOL: true } }),
    ...stringSet('engineInherit', lease.engineInherit ?? []),
  };
}

/** Reads a worker's row; `key` is the name of its key attribute: `leaseKey`, or `wid` in a table of its own. */
export function workerFromItem(item: DynamoItem, key: 'leaseKey' | 'wid' = 'leaseKey'): WorkerRow {
  const reportCounter = numberOf(item, 'reportCounter');
  const failoverTimeMillis = numberOf(item, 'failoverTimeMillis');
  return {
    workerIdentifier: stringOf(item, key) ?? '',
    lastUpdateSeconds: numberOf(item, 'lut') ?? 0,
    ...(reportCounter === undefined ? {} : { reportCounter }),
    ...(failoverTimeMillis === undefined ? {} : { failoverTimeMillis }),
    exclusive: isTrue(item, 'exclusive'),
    metrics: seriesOf(item, 'sts'),
    operatingRange: seriesOf(item, 'opr'),
  };
}

/** A worker's own row: KCL's WorkerMetricStats (kcl.md 1.3) plus our two attributes. */
export function itemFromWorker(row: WorkerRow, key: 'leaseKey' | 'wid' = 'leaseKey'): DynamoItem {
  return {
    [key]: { S: row.workerIdentifier },
    entityType: { S: WORKER },
    lut: number(row.lastUpdateSeconds),
    sts: seriesValue(row.metrics),
    opr: seriesValue(row.operatingRange),
    sup: number(SINGLE_TABLE_SUPPORT),
    slu: number(row.lastUpdateSeconds),
    ...(row.reportCounter === undefined ? {} : { reportCounter: number(row.reportCounter) }),
    ...(row.failoverTimeMillis === undefined ? {} : { failoverTimeMillis: number(row.failoverTimeMillis) }),
    ...(row.exclusive ? { exclusive: { BOOL: true } } : {}),
  };
}

function seriesOf(item: DynamoItem, name: string): MetricSeries {
  const value = item[name];
  if (value === undefined || !('M' in value)) return {};
  return Object.fromEntries(
    Object.entries(value.M).map(([metric, list]) => [
      metric,
      'L' in list ? list.L.flatMap((entry) => ('N' in entry ? [Number(entry.N)] : [])) : [],
    ]),
  );
}

function seriesValue(series: MetricSeries): DynamoValue {
  return {
    M: Object.fromEntries(
      Object.entries(series).map(([metric, values]) => [metric, { L: values.map((value) => number(value)) }]),
    ),
  };
}

/** The key of the lock row, in either layout. */
export const leaderLockKey = 'Leader';

/**
 * Reads the lock row.
 * @throws MillraceError `MR_TABLE_FOREIGN` for a row that is no lock: taken for "nobody leads" it would keep everybody from
 * leading, since a lock is only written where there is no row
 */
export function lockFromItem(item: DynamoItem, tableName: string): LeaderLock {
  const ownerName = stringOf(item, 'ownerName');
  const recordVersionNumber = stringOf(item, 'recordVersionNumber');
  const leaseDurationMillis = Number(stringOf(item, 'leaseDuration') ?? Number.NaN);
  if (ownerName === undefined || recordVersionNumber === undefined || !Number.isFinite(leaseDurationMillis)) {
    throw new MillraceError(
      'MR_TABLE_FOREIGN',
      `table ${tableName} has a row ${leaderLockKey} that is no lock of KCL (it lacks ownerName, recordVersionNumber or leaseDuration); ` +
        'remove the row',
      { subject: { table: tableName, lease: leaderLockKey } },
    );
  }
  return { ownerName, recordVersionNumber, leaseDurationMillis, isReleased: stringOf(item, 'isReleased') === '1' };
}

/** The lock row as the lock client of KCL writes it: the duration is a text. */
export function itemFromLock(lock: LeaderLock, key: 'leaseKey' | 'key'): DynamoItem {
  return {
    [key]: { S: leaderLockKey },
    entityType: { S: 'LEADER' },
    ownerName: { S: lock.ownerName },
    leaseDuration: { S: String(lock.leaseDurationMillis) },
    recordVersionNumber: { S: lock.recordVersionNumber },
  };
}

/** Holds when no row has the key. */
export const ifAbsent: ConditionParameters = {
  conditionExpression: 'attribute_not_exists(#leaseKey)',
  names: { '#leaseKey': 'leaseKey' },
  values: {},
};

/** Holds when no row has the key, or the row is a worker's: a worker must not write over a lease of the same name. */
export function ifAbsentOrWorker(key: 'leaseKey' | 'wid'): ConditionParameters {
  // In a table of their own (KCL 3.0 to 3.4) the rows of workers have no entityType.
  const isWorker = key === 'wid' ? 'attribute_exists(#key)' : '#entityType = :worker';
  return {
    conditionExpression: `attribute_not_exists(#key) OR ${isWorker}`,
    names: key === 'wid' ? { '#key': key } : { '#key': key, '#entityType': 'entityType' },
    values: key === 'wid' ? {} : { ':worker': { S: WORKER } },
  };
}

/** Holds when a worker's row has not been reported anew: by our counter, or by a Java worker's `lut` (kcl.md 1.3). */
export function ifNotReportedSince(row: WorkerRow): ConditionParameters {
  return row.reportCounter === undefined
    ? {
        conditionExpression: '#lut = :seen',
        names: { '#lut': 'lut' },
        values: { ':seen': number(row.lastUpdateSeconds) },
      }
    : {
        conditionExpression: '#reportCounter <= :seen',
        names: { '#reportCounter': 'reportCounter' },
        values: { ':seen': number(row.reportCounter) },
      };
}

/** Holds when the row still is at SHARD_END, with the counter as seen. */
export function ifEndedAsSeen(leaseCounter: number): ConditionParameters {
  return {
    conditionExpression: '#checkpoint = :end AND #leaseCounter = :seen',
    names: { '#checkpoint': 'checkpoint', '#leaseCounter': 'leaseCounter' },
    values: { ':end': { S: 'SHARD_END' }, ':seen': number(leaseCounter) },
  };
}

function isTrue(item: DynamoItem, name: string): boolean {
  const value = item[name];
  return value !== undefined && 'BOOL' in value && value.BOOL;
}

function present<K extends keyof Lease>(key: K, value: Lease[K] | undefined): Partial<Lease> {
  return value === undefined ? {} : { [key]: value };
}

function number(value: number): DynamoValue {
  return { N: String(value) };
}

function stringSet(name: string, values: readonly string[]): Record<string, DynamoValue> {
  return values.length === 0 ? {} : { [name]: { SS: values } };
}
