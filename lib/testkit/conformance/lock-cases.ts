import assert from 'node:assert/strict';
import type { LeaderLock } from '../../lease/lease.ts';
import type { LeaseTable } from '../../lease/lease-table.ts';

/** What a lease table must do with the leader's lock (kcl.md 1.3); `run` rejects when it does not. */
export interface LockCase {
  /** A sentence: what must hold. */
  readonly name: string;
  /** Gets an open table of its own. */
  readonly run: (table: LeaseTable) => Promise<void>;
}

const never = new AbortController().signal;

/** The cases of the lock, for `leaseTableSuite`. */
export const lockCases: readonly LockCase[] = [
  { name: 'has no lock that was never written', run: missingLock },
  { name: 'gives the lock to one of many that find none', run: lockRace },
  { name: 'keeps the lock apart from leases and workers', run: lockApart },
  { name: 'gives the lock to one of many that saw the same version', run: takeover },
  { name: 'takes the heartbeat of the holder alone', run: heartbeat },
  { name: 'takes the lock back from its holder alone', run: giveBack },
];

function lockOf(ownerName: string, version: number): LeaderLock {
  const recordVersionNumber = `b9bd1a4e-1a0e-4f0e-9c51-${String(version).padStart(12, '0')}`;
  return { ownerName, leaseDurationMillis: 10_000, recordVersionNumber, isReleased: false };
}

function mine({ recordVersionNumber, ownerName }: LeaderLock) {
  return { type: 'mine', recordVersionNumber, ownerName } as const;
}

async function missingLock(table: LeaseTable): Promise<void> {
  assert.equal(await table.readLock(never), undefined);
  const next = lockOf('a', 1);
  assert.equal(await table.writeLock(next, { type: 'released' }, never), false);
  assert.equal(await table.writeLock(next, { ...next, type: 'unchanged' }, never), false);
  assert.equal(await table.writeLock(next, mine(next), never), false);
  assert.equal(await table.deleteLock(next, never), false);
  assert.equal(await table.readLock(never), undefined);
}

async function lockRace(table: LeaseTable): Promise<void> {
  const locks = ['a', 'b', 'c', 'd'].map((name, index) => lockOf(name, index));
  const written = await Promise.all(locks.map((lock) => table.writeLock(lock, { type: 'absent' }, never)));
  assert.equal(written.filter(Boolean).length, 1);
  assert.deepEqual(await table.readLock(never), locks[written.indexOf(true)]);
  assert.equal(await table.writeLock(lockOf('e', 9), { type: 'released' }, never), false);
}

async function lockApart(table: LeaseTable): Promise<void> {
  await table.writeLock(lockOf('a', 1), { type: 'absent' }, never);
  assert.deepEqual(await table.scan(never), { leases: [], workers: [] });
  assert.equal(await table.get('Leader', never), undefined);
  assert.deepEqual(await table.listKeysOwnedBy('a', never), []);
}

async function takeover(table: LeaseTable): Promise<void> {
  const seen = lockOf('a', 1);
  await table.writeLock(seen, { type: 'absent' }, never);
  const locks = ['b', 'c', 'd'].map((name, index) => lockOf(name, index + 2));
  const written = await Promise.all(locks.map((lock) => table.writeLock(lock, { ...seen, type: 'unchanged' }, never)));
  assert.equal(written.filter(Boolean).length, 1);
  assert.deepEqual(await table.readLock(never), locks[written.indexOf(true)]);
}

async function heartbeat(table: LeaseTable): Promise<void> {
  const [first, second] = [lockOf('a', 1), lockOf('a', 2)];
  await table.writeLock(first, { type: 'absent' }, never);
  assert.equal(await table.writeLock(lockOf('b', 3), { ...mine(first), ownerName: 'b' }, never), false);
  assert.equal(await table.writeLock(second, mine(first), never), true);
  assert.equal(await table.writeLock(lockOf('a', 3), mine(first), never), false);
  assert.deepEqual(await table.readLock(never), second);
}

async function giveBack(table: LeaseTable): Promise<void> {
  const [first, second] = [lockOf('a', 1), lockOf('a', 2)];
  await table.writeLock(first, { type: 'absent' }, never);
  await table.writeLock(second, mine(first), never);
  assert.equal(await table.deleteLock(first, never), false);
  assert.equal(await table.deleteLock({ ...second, ownerName: 'b' }, never), false);
  assert.deepEqual(await table.readLock(never), second);
  assert.equal(await table.deleteLock(second, never), true);
  assert.equal(await table.readLock(never), undefined);
}
