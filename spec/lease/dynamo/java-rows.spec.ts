import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Position, comparePositions, formatPosition, positionOf } from '../../../lib/base/position.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import {
  type LeaseWrite,
  assignLease,
  beginTenure,
  checkpointLease,
  evictLease,
  renewLease,
} from '../../../lib/lease/lease-write.ts';
import { type RecordedVersion, recordedLayouts, recordedMoments } from '../../interop/recorded-rows.ts';
import { rowFaults } from '../../interop/row-check.ts';
import { type Row, isLease, keyOf } from '../../interop/tables.ts';
import { type RawItem, type RawTable, RawTables } from './raw-table.ts';

/**
 * The rows that real Java workers wrote, attribute by attribute: each has the type that kcl.md 1.1 says, Millrace reads
 * from it what Java put there, writes the same into rows of its own, and leaves Java's rows such that Java can read on.
 */
const never = new AbortController().signal;
const versions = Object.keys(recordedLayouts) as RecordedVersion[];

let tables: RawTables;
beforeAll(async () => {
  tables = await RawTables.start();
}, 90_000);
afterAll(async () => {
  await tables?.[Symbol.asyncDispose]();
});

/** One attribute of kcl.md 1.1: its type, what Java means by it, and where Millrace keeps that. */
interface Attribute {
  readonly type: 'S' | 'N' | 'B' | 'SS';
  /** What the recorded value means. */
  readonly meant: (value: AttributeValue, row: Row) => unknown;
  /** The same, as Millrace read it. */
  readonly read: (lease: Lease) => unknown;
  /** What is read where the attribute is absent. */
  readonly absent?: unknown;
  /** Why no recorded row has it. */
  readonly unrecorded?: string;
}

const text = (value: AttributeValue) => value.S;
const number = (value: AttributeValue) => Number(value.N);
const set = (value: AttributeValue) => value.SS?.toSorted();
const subOf = (position: Position | undefined) =>
  position?.kind === 'SEQUENCE' ? position.subSequenceNumber : position && 0;
const nameOf = (position: Position | undefined) =>
  position?.kind === 'SEQUENCE' ? String(position.sequenceNumber) : position?.kind;

const attributes: Readonly<Record<string, Attribute>> = {
  leaseKey: { type: 'S', meant: text, read: (lease) => lease.leaseKey },
  leaseCounter: { type: 'N', meant: number, read: (lease) => lease.leaseCounter },
  leaseOwner: { type: 'S', meant: text, read: (lease) => lease.leaseOwner },
  ownerSwitchesSinceCheckpoint: { type: 'N', meant: number, read: (lease) => lease.ownerSwitchesSinceCheckpoint },
  checkpoint: { type: 'S', meant: text, read: (lease) => nameOf(lease.checkpoint) },
  checkpointSubSequenceNumber: { type: 'N', meant: number, read: (lease) => subOf(lease.checkpoint) },
  pendingCheckpoint: { type: 'S', meant: text, read: (lease) => nameOf(lease.pendingCheckpoint) },
  pendingCheckpointSubSequenceNumber: { type: 'N', meant: number, read: (lease) => subOf(lease.pendingCheckpoint) },
  pendingCheckpointState: {
    type: 'B',
    meant: (value) => Buffer.from(value.B ?? []).toString(),
    read: (lease) => lease.pendingCheckpointState && Buffer.from(lease.pendingCheckpointState).toString(),
  },
  parentShardId: { type: 'SS', meant: set, read: (lease) => lease.parentShardIds.toSorted(), absent: [] },
  childShardIds: { type: 'SS', meant: set, read: (lease) => lease.childShardIds.toSorted(), absent: [] },
  startingHashKey: { type: 'S', meant: text, read: (lease) => lease.hashKeyRange?.startingHashKey },
  endingHashKey: { type: 'S', meant: text, read: (lease) => lease.hashKeyRange?.endingHashKey },
  throughputKBps: { type: 'N', meant: number, read: (lease) => lease.throughputKBps },
  checkpointOwner: { type: 'S', meant: text, read: (lease) => lease.checkpointOwner },
  entityType: { type: 'S', meant: () => true, read: (lease) => lease.leaseKey !== '', absent: true },
  streamName: { type: 'S', meant: text, read: () => undefined, unrecorded: 'of KCL’s multi-stream mode' },
  shardId: { type: 'S', meant: text, read: () => undefined, unrecorded: 'of KCL’s multi-stream mode' },
};

const recorded = versions.flatMap((version) =>
  Object.entries(recordedMoments(version)).flatMap(([moment, rows]) =>
    (rows[''] ?? []).filter(isLease).map((row) => ({ version, moment, row })),
  ),
);

describe('the attributes of the recorded rows', () => {
  it.each(Object.entries(attributes))('%s is of the type of kcl.md 1.1', (name, { type, unrecorded }) => {
    const types = new Set(recorded.flatMap(({ row }) => (name in row ? Object.keys(row[name] as object) : [])));
    expect([...types]).toEqual(unrecorded === undefined ? [type] : []);
  });

  it('are no others', () => {
    const names = new Set(recorded.flatMap(({ row }) => Object.keys(row)));
    expect([...names].filter((name) => !(name in attributes))).toEqual([]);
  });
});

describe.each(versions)('Millrace reads of the rows of KCL %s', (version) => {
  const rows = recorded.filter((one) => one.version === version);
  let read: Map<string, Lease>;
  const id = (moment: string, row: Row) => `${moment} ${keyOf(row)}`;

  beforeAll(async () => {
    read = new Map();
    for (const moment of new Set(rows.map((one) => one.moment))) {
      const raw = tables.next();
      await raw.table.open(never);
      for (const row of recordedMoments(version)[moment]?.[''] ?? []) await raw.put(row);
      const { leases } = await raw.table.scan(never);
      for (const lease of leases) read.set(`${moment} ${lease.leaseKey}`, lease);
    }
  }, 60_000);

  it('all leases and nothing else', () => {
    expect([...read.keys()].toSorted()).toEqual(rows.map(({ moment, row }) => id(moment, row)).toSorted());
  });

  it.each(Object.entries(attributes))('%s', (name, { meant, read: found, absent }) => {
    for (const { moment, row } of rows) {
      const value = row[name];
      const lease = read.get(id(moment, row)) as Lease;
      expect([moment, keyOf(row), found(lease)]).toEqual([
        moment,
        keyOf(row),
        value === undefined ? absent : meant(value, row),
      ]);
    }
  });
});

describe('a new lease of Millrace', () => {
  const ours = { streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders', streamCreatedAtMillis: 1 };

  it.each(
    versions.flatMap((version) =>
      recorded
        .filter((one) => one.version === version && one.moment === 'created')
        .map(({ row }): [RecordedVersion, string, Row] => [version, keyOf(row), row]),
    ),
  )('is the row that KCL %s made of %s, and our own attributes', async (version, _key, row) => {
    const raw = tables.next();
    await raw.table.open(never);
    await raw.put(row);
    const [lease] = (await raw.table.scan(never)).leases;
    const created = tables.next();
    await created.table.open(never);
    await created.table.createIfAbsent({ ...lease!, ...ours, firstSyncEnded: true }, never);
    const { streamArn, streamCreatedAt, firstSyncEnded, ...same } = (await created.get(keyOf(row)))!;
    expect(same).toEqual({ ...row, entityType: { S: 'LEASE' } });
    expect([streamArn, streamCreatedAt, firstSyncEnded]).toEqual([{ S: ours.streamArn }, { N: '1' }, { BOOL: true }]);
    expect(rowFaults({ '': [same] }, recordedLayouts[version])).toEqual([]);
  });
});

/** What a checkpoint writes or drops. */
const rewritten = Object.keys(attributes).filter((name) => /^(pendingC|c)heckpoint(S|$)/.test(name));

describe.each(recorded.map(({ version, moment, row }) => ({ version, moment, key: keyOf(row), row })))(
  'the row $key of KCL $version at the moment "$moment"',
  ({ version, row }) => {
    it('stays a row of KCL through an assign, a begin, a renewal and a checkpoint', async () => {
      const raw = await openWith(row);
      const names = new Set(['leaseOwner', 'leaseCounter', 'checkpointOwner', 'ownerSwitchesSinceCheckpoint']);
      const write = async (one: LeaseWrite, ...changed: string[]): Promise<Lease> => {
        const written = await raw.table.write(one, never);
        expect(written.outcome).toBe('applied');
        for (const name of changed) names.add(name);
        const now = (await raw.get(keyOf(row)))!;
        expect(rowFaults({ '': [now] }, recordedLayouts[version])).toEqual([]);
        expect(unless(now, names)).toEqual(unless((await normalized(row))!, names));
        return written.lease!;
      };
      const seen = (await raw.table.get(keyOf(row), never))!;
      const assigned = await write(assignLease(seen, 'me'));
      const { leaseKey, leaseCounter } = await write(
        beginTenure(assigned, 'me', () => 0),
        'tenure',
      );
      const fence = { leaseKey, leaseCounter, tenure: leaseCounter };
      await write(renewLease(fence));
      const at = after(seen.checkpoint);
      const end = await write(checkpointLease({ ...fence, leaseCounter: leaseCounter + 1 }, at), ...rewritten);
      expect(formatPosition(end.checkpoint)).toBe(formatPosition(at));
      expect((await raw.get(keyOf(row)))!['pendingCheckpoint']).toBeUndefined();
    });

    it('stays a row of KCL through the eviction of its owner', async () => {
      const raw = await openWith(row);
      const seen = (await raw.table.get(keyOf(row), never))!;
      expect((await raw.table.write(evictLease(seen), never)).outcome).toBe('applied');
      const now = (await raw.get(keyOf(row)))!;
      expect(rowFaults({ '': [now] }, recordedLayouts[version])).toEqual([]);
      expect('checkpointOwner' in now).toBe(false);
      expect(now['leaseOwner']).toEqual(seen.checkpointOwner === undefined ? undefined : row['leaseOwner']);
    });
  },
);

let shared: RawTable | undefined;

/** Writes that change one row go to one table. */
async function openWith(row: Row): Promise<RawTable> {
  if (shared === undefined) {
    shared = tables.next();
    await shared.table.open(never);
  }
  await shared.put(row);
  return shared;
}

let beside: RawTable | undefined;

/** The row as DynamoDB gives it back: it writes numbers in its own way. */
async function normalized(row: Row): Promise<RawItem | undefined> {
  if (beside === undefined) {
    beside = tables.next();
    await beside.table.open(never);
  }
  await beside.put(row);
  return beside.get(keyOf(row));
}

function unless(item: Row, names: ReadonlySet<string>): Row {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !names.has(name)));
}

function after(position: Position): Position {
  const next = positionOf('49680476450157718261342819189392132810725257854215782499');
  return comparePositions(next, position) > 0 ? next : position;
}
