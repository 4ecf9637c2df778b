import assert from 'node:assert/strict';
import { isMillraceError } from '../../base/error.ts';
import { LATEST, SHARD_END, TRIM_HORIZON, positionOf } from '../../base/position.ts';
import type { Lease, WorkerRow } from '../../lease/lease.ts';
import type { LeaseTable, WriteOutcome } from '../../lease/lease-table.ts';
import { assignLease, renewLease } from '../../lease/lease-write.ts';
import type { ConformanceCase } from './case.ts';
import { type LeaseWriteCase, heldLease, leaseWriteCases } from './lease-write-cases.ts';
import { lockCases } from './lock-cases.ts';

/** One lease table of its own, not yet open, and what a case needs to arrange it. */
export interface LeaseTableSubject {
  readonly table: LeaseTable;
  /** Puts a lease row as another client would, whatever was there. */
  readonly seed: (lease: Lease) => Promise<void>;
}

/** Something that keeps leases as DynamoDB does: the service, an emulator, or the model. */
export interface LeaseTableBench {
  createTable(): Promise<LeaseTableSubject>;
}

const never = new AbortController().signal;

/** What every implementation of `LeaseTable` must do, each case on a table of its own. */
export function leaseTableSuite(bench: LeaseTableBench): readonly ConformanceCase[] {
  const on = (name: string, body: (subject: LeaseTableSubject) => Promise<void>): ConformanceCase => ({
    name,
    run: async () => {
      const subject = await bench.createTable();
      await subject.table.open(never);
      await body(subject);
    },
  });
  return [
    { name: 'is created by the first open, and only by it', run: async () => opensTwice(await bench.createTable()) },
    on('creates a row and gives it back field by field', createsRows),
    on('creates a row for one of many that try at once', createRace),
    on('has no row of a key that was never created', missingRow),
    on('applies one of many equal writes and shows the others the row', writeRace),
    on('applies one of two different writes that follow the same counter', differentWriters),
    on('lists the keys of one owner', listsOwned),
    on('keeps worker rows apart from leases', workerRows),
    on('removes a worker row unless it was reported anew', removesWorkers),
    on('gives a request to drain to the next report of a worker, once', drainRequests),
    on('takes a request to drain back, and only that one', takesRequestsBack),
    on('refuses a request to drain what is no worker of Millrace', foreignDrains),
    on('refuses a worker that is named like a lease and leaves the lease alone', workerNamedLikeLease),
    on('deletes a lease that is still at SHARD_END, with the counter as seen', deletesEnded),
    on('rejects with the reason of the signal when it is aborted', abortedCalls),
    ...lockCases.map(({ name, run }) => on(name, ({ table }) => run(table))),
    ...leaseWriteCases.flatMap((one) => [
      on(one.name, (subject) => applies(subject, one)),
      on(`${one.name}: refused when there is no row, and makes none`, (subject) => refusedWithoutRow(subject, one)),
      ...Object.entries(one.refusedOn).map(([part, row]) =>
        on(`${one.name}: refused by another ${part}`, (subject) => refused(subject, one, row)),
      ),
    ]),
  ];
}

async function opensTwice({ table }: LeaseTableSubject): Promise<void> {
  const coordination = { tables: 'single', mayLead: true };
  assert.deepEqual(await table.open(never), { created: true, coordination });
  assert.deepEqual(await table.open(never), { created: false, coordination });
  assert.deepEqual(await table.scan(never), { leases: [], workers: [] });
}

/** New leases as the shard sync makes them, one of each kind. */
const newLeases: readonly Lease[] = [
  { ...blank('shardId-000000000000'), checkpoint: TRIM_HORIZON, firstSyncEnded: true },
  { ...blank('shardId-000000000001'), checkpoint: LATEST, initialTimestampMillis: 1_700_000_000_789 },
  {
    ...blank('shardId-000000000002'),
    checkpoint: positionOf('49590338271490256608559692538361571095921575989136588898', 12),
    parentShardIds: ['shardId-000000000000', 'shardId-000000000001'],
    childShardIds: ['shardId-000000000003'],
    hashKeyRange: { startingHashKey: '0', endingHashKey: '340282366920938463463374607431768211455' },
    streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders',
    streamCreatedAtMillis: 1_700_000_000_123,
    leaseOwner: 'me',
  },
];

function blank(leaseKey: string): Omit<Lease, 'checkpoint'> {
  return { leaseKey, leaseCounter: 0, ownerSwitchesSinceCheckpoint: 0, parentShardIds: [], childShardIds: [] };
}

async function createsRows({ table }: LeaseTableSubject): Promise<void> {
  for (const lease of newLeases) {
    assert.equal(await table.createIfAbsent(lease, never), true);
    assertSame(await table.get(lease.leaseKey, never), lease);
    const second: Lease = { ...lease, leaseCounter: 99, checkpoint: SHARD_END };
    assert.equal(await table.createIfAbsent(second, never), false);
    assertSame(await table.get(lease.leaseKey, never), lease);
  }
  for (const consistency of ['consistent', 'eventual'] as const) {
    const { leases } = await table.scan(never, consistency);
    assert.deepEqual(sorted(leases).map(normal), newLeases.map(normal));
  }
}

async function createRace({ table }: LeaseTableSubject): Promise<void> {
  const leases = Array.from({ length: 10 }, (_, index): Lease => ({ ...heldLease, leaseCounter: index }));
  const created = await Promise.all(leases.map((lease) => table.createIfAbsent(lease, never)));
  assert.equal(created.filter(Boolean).length, 1);
  assert.equal((await table.get(heldLease.leaseKey, never))?.leaseCounter, created.indexOf(true));
}

async function missingRow({ table }: LeaseTableSubject): Promise<void> {
  assert.equal(await table.get('shardId-000000000404', never), undefined);
  assert.deepEqual(await table.listKeysOwnedBy('nobody', never), []);
}

async function writeRace({ table, seed }: LeaseTableSubject): Promise<void> {
  await seed(heldLease);
  const write = renewLease({ leaseKey: heldLease.leaseKey, leaseCounter: 7, tenure: 5 });
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => table.write(write, never)));
  assert.equal(outcomes.filter(({ outcome }) => outcome === 'applied').length, 1);
  for (const { lease } of outcomes) assertSame(lease, { ...heldLease, leaseCounter: 8 });
}

async function differentWriters({ table, seed }: LeaseTableSubject): Promise<void> {
  await seed(heldLease);
  const outcomes = await Promise.all(['a', 'b', 'c'].map((to) => table.write(assignLease(heldLease, to), never)));
  const [winner, ...others] = outcomes.filter(({ outcome }) => outcome === 'applied');
  assert.ok(winner !== undefined && others.length === 0);
  for (const { lease } of outcomes) assert.equal(lease?.leaseOwner, winner.lease?.leaseOwner);
}

async function listsOwned({ table, seed }: LeaseTableSubject): Promise<void> {
  await seed({ ...heldLease, leaseKey: 'a', leaseOwner: 'me' });
  await seed({ ...heldLease, leaseKey: 'b', leaseOwner: 'other' });
  await seed({ ...heldLease, leaseKey: 'c', leaseOwner: 'me' });
  await table.putWorker(worker('me', 1), never);
  assert.deepEqual((await table.listKeysOwnedBy('me', never))?.toSorted(), ['a', 'c']);
  await table.write(assignLease({ ...heldLease, leaseKey: 'c' }, 'other'), never);
  assert.deepEqual(await table.listKeysOwnedBy('me', never), ['a']);
}

function worker(workerIdentifier: string, reportCounter: number): WorkerRow {
  return {
    workerIdentifier,
    lastUpdateSeconds: 1_700_000_000,
    reportCounter,
    exclusive: false,
    metrics: {},
    operatingRange: {},
  };
}

async function workerRows({ table, seed }: LeaseTableSubject): Promise<void> {
  await seed(heldLease);
  await table.putWorker(worker('me', 1), never);
  await table.putWorker({ ...worker('other', 5), exclusive: true }, never);
  await table.putWorker(worker('me', 2), never);
  const { leases, workers } = await table.scan(never);
  assert.deepEqual(leases.map(normal), [normal(heldLease)]);
  assert.deepEqual(
    workers.toSorted((a, b) => (a.workerIdentifier < b.workerIdentifier ? -1 : 1)),
    [worker('me', 2), { ...worker('other', 5), exclusive: true }],
  );
  assert.equal(await table.get('me', never), undefined);
}

async function removesWorkers({ table }: LeaseTableSubject): Promise<void> {
  const names = async () => (await table.scan(never)).workers.map((row) => row.workerIdentifier);
  await table.putWorker(worker('me', 7), never);
  await table.deleteWorker(worker('me', 6), never);
  await table.deleteWorker(worker('nobody', 7), never);
  assert.deepEqual(await names(), ['me']);
  await table.deleteWorker(worker('me', 8), never);
  assert.deepEqual(await names(), []);
}

async function drainRequests({ table }: LeaseTableSubject): Promise<void> {
  assert.equal(await table.putWorker(worker('me', 1), never), undefined);
  assert.equal(await table.requestDrain('me', 'first', never), true);
  assert.equal(await table.requestDrain('me', 'second', never), true);
  const asked = { ...worker('me', 1), drainRequested: 'second' };
  assert.deepEqual((await table.scan(never)).workers, [asked]);
  assert.deepEqual(await table.putWorker(worker('me', 2), never), asked);
  assert.deepEqual(await table.putWorker(worker('me', 3), never), worker('me', 2));
}

async function takesRequestsBack({ table }: LeaseTableSubject): Promise<void> {
  await table.putWorker(worker('me', 1), never);
  await table.requestDrain('me', 'mine', never);
  assert.equal(await table.cancelDrain('me', 'other', never), false);
  assert.equal(await table.cancelDrain('me', 'mine', never), true);
  assert.equal(await table.cancelDrain('me', 'mine', never), false);
  assert.equal(await table.cancelDrain('nobody', 'mine', never), false);
  assert.deepEqual((await table.scan(never)).workers, [worker('me', 1)]);
}

async function foreignDrains({ table, seed }: LeaseTableSubject): Promise<void> {
  await seed(heldLease);
  const { reportCounter: _, ...java } = worker('java', 1);
  await table.putWorker(java, never);
  for (const name of ['java', 'nobody', heldLease.leaseKey]) {
    assert.equal(await table.requestDrain(name, 'one', never), false);
  }
  assertSame(await table.get(heldLease.leaseKey, never), heldLease);
  assert.deepEqual(await table.scan(never).then(({ workers }) => workers), [java]);
}

async function workerNamedLikeLease({ table, seed }: LeaseTableSubject): Promise<void> {
  await seed(heldLease);
  await assert.rejects(table.putWorker(worker(heldLease.leaseKey, 1), never), (thrown) =>
    isMillraceError(thrown, 'MR_CONFIG_INVALID'),
  );
  await table.deleteWorker(worker(heldLease.leaseKey, 1), never);
  assertSame(await table.get(heldLease.leaseKey, never), heldLease);
}

async function deletesEnded({ table, seed }: LeaseTableSubject): Promise<void> {
  const ended: Lease = { ...heldLease, checkpoint: SHARD_END };
  assert.equal(await table.deleteEnded(ended, never), false);
  await seed(heldLease);
  assert.equal(await table.deleteEnded(heldLease, never), false);
  await seed(ended);
  assert.equal(await table.deleteEnded({ ...ended, leaseCounter: 6 }, never), false);
  assertSame(await table.get(ended.leaseKey, never), ended);
  assert.equal(await table.deleteEnded(ended, never), true);
  assert.equal(await table.get(ended.leaseKey, never), undefined);
}

async function abortedCalls({ table, seed }: LeaseTableSubject): Promise<void> {
  await seed(heldLease);
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  const is = (thrown: unknown) => thrown === reason;
  await assert.rejects(table.scan(signal), is);
  await assert.rejects(table.get(heldLease.leaseKey, signal), is);
  await assert.rejects(table.listKeysOwnedBy('me', signal), is);
  await assert.rejects(table.write(assignLease(heldLease, 'other'), signal), is);
  await assert.rejects(table.deleteEnded(heldLease, signal), is);
  await assert.rejects(table.readLock(signal), is);
  assertSame(await table.get(heldLease.leaseKey, never), heldLease);
}

async function applies({ table, seed }: LeaseTableSubject, { before, write, after }: LeaseWriteCase): Promise<void> {
  await seed(before);
  const written = await table.write(write, never);
  assertOutcome(written, 'applied', after);
  assertSame(await table.get(write.leaseKey, never), after);
}

async function refused({ table, seed }: LeaseTableSubject, { write }: LeaseWriteCase, row: Lease): Promise<void> {
  await seed(row);
  assertOutcome(await table.write(write, never), 'refused', row);
  assertSame(await table.get(write.leaseKey, never), row);
}

async function refusedWithoutRow({ table }: LeaseTableSubject, { write }: LeaseWriteCase): Promise<void> {
  assertOutcome(await table.write(write, never), 'refused', undefined);
  assert.equal(await table.get(write.leaseKey, never), undefined);
}

function assertOutcome(written: WriteOutcome, outcome: WriteOutcome['outcome'], lease: Lease | undefined): void {
  assert.equal(written.outcome, outcome);
  assertSame(written.lease, lease);
}

function assertSame(actual: Lease | undefined, expected: Lease | undefined): void {
  assert.deepEqual(actual && normal(actual), expected && normal(expected));
}

/** The lease without what says nothing: the order of a set. */
function normal(lease: Lease): Lease {
  const { pendingCheckpointState: state, ...rest } = lease;
  return {
    ...rest,
    ...(state === undefined ? {} : { pendingCheckpointState: Uint8Array.from(state) }),
    parentShardIds: lease.parentShardIds.toSorted(),
    childShardIds: lease.childShardIds.toSorted(),
  };
}

function sorted(leases: readonly Lease[]): readonly Lease[] {
  return leases.toSorted((a, b) => (a.leaseKey < b.leaseKey ? -1 : 1));
}
