import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { Notifier } from '../../lib/base/notifier.ts';
import { SHARD_END, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { waitForParents } from '../../lib/receiver/parent-gate.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

function lease(leaseKey: string, parentShardIds: readonly string[] = []): Lease {
  return {
    leaseKey,
    leaseCounter: 1,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint: TRIM_HORIZON,
    parentShardIds,
    childShardIds: [],
  };
}

function setup(parents: readonly string[], rows: readonly Lease[] = []) {
  const clock = new VirtualClock();
  const table = new FakeLeaseTable();
  for (const row of rows) table.putRow(row);
  const leasesChanged = new Notifier();
  const end = new AbortController();
  const gate = waitForParents(lease('child', parents), { table, clock, leasesChanged }, end.signal);
  gate.catch(() => {});
  let open = false;
  void gate.then(
    () => (open = true),
    () => {},
  );
  const finish = (key: string) => table.putRow({ ...lease(key), checkpoint: SHARD_END });
  return { clock, table, leasesChanged, end, gate, isOpen: () => open, finish };
}

describe('waitForParents', () => {
  it('lets a shard without parents pass', async () => {
    await expect(setup([]).gate).resolves.toBeUndefined();
  });

  it('counts a parent without a lease as finished', async () => {
    const { isOpen, clock } = setup(['a', 'b']);
    await clock.advance(0);
    expect(isOpen()).toBe(true);
  });

  it('waits for both parents of a merge, and looks every second', async () => {
    const { table, clock, isOpen, finish } = setup(['a', 'b']);
    table.putRow({ ...lease('a'), checkpoint: positionOf('99') });
    table.putRow(lease('b'));
    await clock.advance(10_000);
    expect(isOpen()).toBe(false);
    finish('b');
    await clock.advance(10_000);
    expect(isOpen()).toBe(false);
    finish('a');
    await clock.advance(1_000);
    expect(isOpen()).toBe(true);
  });

  it('looks at once when a shard of this process has ended', async () => {
    const { table, clock, leasesChanged, isOpen, finish } = setup(['a']);
    table.putRow(lease('a'));
    await clock.advance(1_500);
    finish('a');
    leasesChanged.notify();
    await clock.advance(0);
    expect(isOpen()).toBe(true);
  });

  it('takes an unreachable table for no answer, and a refused one for a fault', async () => {
    const { table, clock, isOpen, gate } = setup(['a'], [lease('a')]);
    const fail = (code: 'MR_ENDPOINT_UNREACHABLE' | 'MR_ACCESS_DENIED') => {
      table.intercept = () => {
        throw new MillraceError(code, 'injected');
      };
    };
    fail('MR_ENDPOINT_UNREACHABLE');
    await clock.advance(30_000);
    expect(isOpen()).toBe(false);
    fail('MR_ACCESS_DENIED');
    await expect(clock.runUntil(gate)).rejects.toThrow('MR_ACCESS_DENIED');
  });

  it('ends with the reason of the signal', async () => {
    const { table, clock, end, gate } = setup(['a']);
    table.putRow(lease('a'));
    await clock.advance(100);
    end.abort(new Error('over'));
    await expect(gate).rejects.toThrow('over');
    expect(clock.pendingTimers).toBe(0);
  });
});
