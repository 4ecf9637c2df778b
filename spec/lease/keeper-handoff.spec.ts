import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { positionOf } from '../../lib/base/position.ts';
import type { HandoffBegun, KeeperOutcome } from '../../lib/lease/keeper-messages.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import {
  type LeaseWrite,
  assignLease,
  beginTenure,
  initiateHandoff,
  withdrawHandoff,
} from '../../lib/lease/lease-write.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { type KeeperBench, failoverTimeMillis as F, givenLease, onWrites, startKeeper } from './keeper-bench.ts';

const never = new AbortController().signal;
const lease = givenLease('old');
const { leaseKey } = lease;
const unreachable = () => {
  throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
};

let clock: VirtualClock;
let table: FakeLeaseTable;
let bench: KeeperBench;
let begun: HandoffBegun[];
let tenure: number;

/** An old owner that holds the lease. */
beforeEach(async () => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  table.putRow(lease);
  begun = [];
  bench = startKeeper(table, clock, { workerIdentifier: 'old', onHandoff: (one) => void begun.push(one) });
  tenure = (await clock.runUntil(bench.keeper.begin(leaseKey, never)))!.tenure!;
});

function row(): Lease {
  return table.rows.find((one) => one.leaseKey === leaseKey)!;
}

/** What a leader writes. */
async function handOver(to = 'new'): Promise<void> {
  const { intercept } = table;
  table.intercept = () => {};
  expect(await table.write(initiateHandoff(row(), to), never)).toMatchObject({ outcome: 'applied' });
  table.intercept = intercept;
}

/** What a new owner writes that stops. */
async function takeBack(): Promise<void> {
  expect(await table.write(withdrawHandoff(row()), never)).toMatchObject({ outcome: 'applied' });
}

function checkpoint(sequenceNumber: number): Promise<KeeperOutcome> {
  return bench.keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint: positionOf(BigInt(sequenceNumber)) });
}

function release(to?: string): Promise<KeeperOutcome> {
  return bench.keeper.ask({ type: 'release', leaseKey, tenure, ...(to === undefined ? {} : { to }) });
}

describe('the old owner', () => {
  it('hears of a handoff by its next renewal, once, and keeps the lease: counter and tenure go on', async () => {
    await handOver();
    await clock.advance(F / 3 + 10);
    expect(begun).toEqual([{ leaseKey, tenure, to: 'new' }]);
    expect(row()).toMatchObject({ leaseOwner: 'new', checkpointOwner: 'old', leaseCounter: 3, tenure });
    await clock.advance(10 * F);
    expect(begun).toHaveLength(1);
    expect(bench.keeper.confirmCurrent(leaseKey, tenure)).toBe(true);
    expect(bench.lost).toEqual([]);
  });

  it('hears of it at once by a checkpoint, which is applied', async () => {
    await handOver();
    expect(await clock.runUntil(checkpoint(5))).toBe('applied');
    expect(begun).toHaveLength(1);
    expect(row()).toMatchObject({ checkpoint: positionOf(5n), leaseOwner: 'new', checkpointOwner: 'old' });
  });

  it('hears of it at once when it is told to look', async () => {
    await handOver();
    bench.keeper.renewSoon(leaseKey);
    await clock.advance(1);
    expect(begun).toHaveLength(1);
  });

  it('is told to look at a lease that it does not hold, and nothing happens', async () => {
    bench.keeper.renewSoon('shardId-other');
    await clock.advance(F);
    expect(bench.fault()).toBeUndefined();
  });

  it('completes it by its release: the counter moves, the old owner goes, and as in KCL it is no switch', async () => {
    await handOver();
    await clock.runUntil(checkpoint(5));
    expect(await clock.runUntil(release())).toBe('applied');
    const done = row();
    expect(done).toMatchObject({ leaseOwner: 'new', leaseCounter: 4, ownerSwitchesSinceCheckpoint: 0 });
    expect(done.checkpointOwner).toBeUndefined();
    expect(bench.keeper.held).toEqual([]);
    expect(bench.events.at(-1)).toEqual({ type: 'lease.released', leaseKey, tenure, to: 'new' });
    await clock.advance(F);
    expect(row()).toEqual(done);
  });

  it('completes it although it has not heard of it yet and releases to nobody, or to another', async () => {
    for (const to of [undefined, 'other']) {
      table.putRow({ ...lease });
      const other = startKeeper(table, clock, { workerIdentifier: 'old' });
      const own = (await clock.runUntil(other.keeper.begin(leaseKey, never)))!.tenure!;
      await handOver();
      const asked = other.keeper.ask({ type: 'release', leaseKey, tenure: own, ...(to === undefined ? {} : { to }) });
      expect(await clock.runUntil(asked)).toBe('applied');
      expect(row().leaseOwner).toBe('new');
      expect(row().checkpointOwner).toBeUndefined();
      expect(other.events.at(-1)).toMatchObject({ type: 'lease.released', to: 'new' });
      other.kill();
    }
  });

  it('goes on as if nothing had been when the new owner takes it back before it was heard of', async () => {
    await handOver();
    await takeBack();
    await clock.advance(2 * F);
    expect(begun).toEqual([]);
    expect(row()).toMatchObject({ leaseOwner: 'old', tenure });
    expect(await clock.runUntil(release('other'))).toBe('applied');
    expect(row().leaseOwner).toBe('other');
  });

  it.each([
    ['by a heartbeat', true],
    ['by its release', false],
  ])(
    'hears %s that it was taken back while it finishes, and releases to nobody: the new owner is gone',
    async (_, isBefore) => {
      await handOver();
      await clock.runUntil(checkpoint(5));
      expect(begun).toHaveLength(1);
      await takeBack();
      if (isBefore) await clock.advance(F / 3 + 10);
      expect(await clock.runUntil(release())).toBe('applied');
      expect(row().leaseOwner).toBeUndefined();
      expect(row()).toMatchObject({ checkpoint: positionOf(5n) });
      expect(bench.lost).toEqual([]);
      expect(bench.events.at(-1)).toEqual({ type: 'lease.released', leaseKey, tenure });
    },
  );

  it('completes the handoff to whom the row names by then, whatever it has heard', async () => {
    await handOver('first');
    await clock.runUntil(checkpoint(5));
    await takeBack();
    await handOver('second');
    expect(await clock.runUntil(release())).toBe('applied');
    expect(row().leaseOwner).toBe('second');
    expect(row().checkpointOwner).toBeUndefined();
    expect(begun.map(({ to }) => to)).toEqual(['first', 'second']);
  });

  it('keeps off other reasons for a refusal: a lease given away without notice is lost', async () => {
    await clock.runUntil(table.write(assignLease(row(), 'new'), never));
    await clock.advance(F / 3 + 10);
    expect(begun).toEqual([]);
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason: 'taken' }]);
  });

  it('loses the lease when the leader gives it away in the middle, since the handoff took too long', async () => {
    await handOver();
    await clock.advance(F / 3 + 10);
    await clock.runUntil(table.write(assignLease(row(), 'other'), never));
    expect(await clock.runUntil(release())).toBe('lost');
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason: 'taken' }]);
    expect(row().leaseOwner).toBe('other');
  });

  it('takes a handoff of somebody else’s tenure for none of its own', async () => {
    // Another process of this name has begun a tenure, which a leader hands over.
    await clock.runUntil(
      table.write(
        beginTenure(row(), 'old', () => 0),
        never,
      ),
    );
    await handOver();
    await clock.advance(F / 3 + 10);
    expect(begun).toEqual([]);
    expect(bench.lost).toHaveLength(1);
  });

  it('takes a handoff for none of its own that began after the lease had gone and come back', async () => {
    await clock.runUntil(table.write(assignLease(row(), 'other'), never));
    await clock.runUntil(table.write(assignLease(row(), 'old'), never));
    await handOver();
    expect(row()).toMatchObject({ tenure, checkpointOwner: 'old' });
    await clock.advance(F / 3 + 10);
    expect(begun).toEqual([]);
    expect(bench.lost).toHaveLength(1);
  });

  it('that starts anew leaves a lease alone that it was handing over: it expires, and goes on from its checkpoint', async () => {
    await handOver();
    bench.kill();
    const again = startKeeper(table, clock, { workerIdentifier: 'old' });
    expect(await clock.runUntil(again.keeper.begin(leaseKey, never))).toBeUndefined();
  });
});

describe('the new owner', () => {
  it('begins nothing before the handoff is complete, and then at the last checkpoint', async () => {
    const other = startKeeper(table, clock, { workerIdentifier: 'new' });
    await handOver();
    expect(await clock.runUntil(other.keeper.begin(leaseKey, never))).toBeUndefined();
    await clock.runUntil(checkpoint(5));
    await clock.runUntil(checkpoint(9));
    expect(await clock.runUntil(other.keeper.begin(leaseKey, never))).toBeUndefined();
    await clock.runUntil(release());
    const mine = await clock.runUntil(other.keeper.begin(leaseKey, never));
    expect(mine).toMatchObject({ checkpoint: positionOf(9n), leaseOwner: 'new' });
    expect(mine!.tenure!).toBeGreaterThan(tenure);
    expect(await clock.runUntil(checkpoint(10))).toBe('lost');
    expect(row().checkpoint).toEqual(positionOf(9n));
  });
});

describe('answers that are lost around a handoff', () => {
  /** The chosen writes meet their fate once. */
  function once(chosen: (write: LeaseWrite) => boolean, fate: () => ReturnType<FakeLeaseTable['intercept']>): void {
    let isDone = false;
    onWrites(
      table,
      (write) => !isDone && chosen(write),
      () => {
        isDone = true;
        return fate();
      },
    );
  }

  it('of a renewal just before it: the renewal counts, and the handoff is heard of', async () => {
    once(
      () => true,
      () => async () => {
        await handOver();
        unreachable();
      },
    );
    await clock.advance(F / 3 + 200);
    expect(begun).toEqual([{ leaseKey, tenure, to: 'new' }]);
    expect(bench.lost).toEqual([]);
    expect(await clock.runUntil(release())).toBe('applied');
    expect(row()).toMatchObject({ leaseOwner: 'new' });
  });

  it('of a renewal that never arrived: it is sent again, knowing of the handoff', async () => {
    once(
      () => true,
      async () => {
        await handOver();
        unreachable();
      },
    );
    await clock.advance(F / 3 + 200);
    expect(begun).toHaveLength(1);
    expect(bench.lost).toEqual([]);
    expect(row()).toMatchObject({ leaseCounter: 3, checkpointOwner: 'old' });
  });

  it('of the completion: it is complete', async () => {
    await handOver();
    await clock.runUntil(checkpoint(5));
    once(
      () => true,
      () => unreachable,
    );
    expect(await clock.runUntil(release())).toBe('applied');
    expect(row()).toMatchObject({ leaseOwner: 'new', leaseCounter: 4 });
    expect(bench.lost).toEqual([]);
  });

  it('of a completion after which the new owner has begun: over for the old one, without harm to the new', async () => {
    const other = startKeeper(table, clock, { workerIdentifier: 'new' });
    await handOver();
    await clock.runUntil(checkpoint(5));
    once(
      (write) => write.clear.includes('checkpointOwner'),
      () => async () => {
        await other.keeper.begin(leaseKey, never);
        unreachable();
      },
    );
    expect(await clock.runUntil(release())).toBe('lost');
    expect(bench.keeper.held).toEqual([]);
    expect(bench.fault()).toBeUndefined();
    await clock.advance(F);
    expect(other.lost).toEqual([]);
    expect(row()).toMatchObject({ leaseOwner: 'new', tenure: other.keeper.held[0]!.tenure! });
  });

  it('end with the lease: what cannot be completed for F expires, and nobody is kept waiting', async () => {
    await handOver();
    await clock.runUntil(checkpoint(5));
    table.intercept = () => sleep(clock, 100 * F);
    expect(await clock.runUntil(release())).toBe('lost');
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason: 'expired' }]);
  });
});

describe('a handoff that is of another process of the same name', () => {
  it('is none of this one, which has lost its tenure to it', async () => {
    table.putRow({ ...row(), tenure: 99, leaseOwner: 'new', checkpointOwner: 'old' });
    await clock.advance(F / 3 + 10);
    expect(begun).toEqual([]);
    expect(bench.lost).toMatchObject([{ leaseKey, tenure }]);
  });
});

describe('a handoff of a lease that its old owner has never begun', () => {
  it('is completed when that one is to begin it: it has nothing to finish, and the next owner would wait for ever', async () => {
    const unread = { ...givenLease('new'), leaseKey: 'shardId-000000000009', checkpointOwner: 'old' };
    table.putRow(unread);
    expect(await clock.runUntil(bench.keeper.begin(unread.leaseKey, never))).toBeUndefined();
    const after = table.rows.find((one) => one.leaseKey === unread.leaseKey);
    expect(after).toMatchObject({ leaseOwner: 'new', leaseCounter: unread.leaseCounter + 1 });
    expect(after?.checkpointOwner).toBeUndefined();
    expect(bench.keeper.held.map((one) => one.leaseKey)).toEqual([leaseKey]);
  });
});
