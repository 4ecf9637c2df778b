import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { AT_TIMESTAMP, LATEST, SHARD_END, positionOf } from '../../lib/base/position.ts';
import type { KeeperOutcome } from '../../lib/lease/keeper-messages.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { type LeaseWrite, assignLease, beginTenure } from '../../lib/lease/lease-write.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { type KeeperBench, failoverTimeMillis as F, givenLease, onWrites, startKeeper } from './keeper-bench.ts';

const never = new AbortController().signal;
const lease = givenLease('me');
const { leaseKey } = lease;
const unreachable = () => {
  throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
};

let clock: VirtualClock;
let table: FakeLeaseTable;
let writes: { at: number; write: LeaseWrite }[];

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  table.putRow(lease);
  writes = [];
});

function row(): Lease {
  return table.rows.find((one) => one.leaseKey === leaseKey)!;
}

async function begin(bench: KeeperBench): Promise<Lease> {
  const begun = await clock.runUntil(bench.keeper.begin(leaseKey, never));
  expect(begun).toBeDefined();
  return begun!;
}

function checkpoint(bench: KeeperBench, tenure: number, sequenceNumber: number): Promise<KeeperOutcome> {
  return bench.keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint: positionOf(BigInt(sequenceNumber)) });
}

/** Notes the times of all writes. */
function watchWrites(): void {
  onWrites(
    table,
    () => true,
    (write) => void writes.push({ at: clock.monotonicMillis(), write }),
  );
}

describe('begin', () => {
  it('makes a tenure by a write of its own and takes everything from the row that it returns', async () => {
    const bench = startKeeper(table, clock);
    table.intercept = (call) => {
      // The row changes after the keeper has read it: a checkpoint by the last owner, without a change of the counter.
      if (call.name !== 'write') return;
      table.intercept = () => {};
      table.putRow({ ...row(), checkpoint: positionOf(77n), engineState: 'newer' });
    };
    const begun = await begin(bench);
    expect(begun).toMatchObject({ leaseCounter: 2, tenure: 2, checkpoint: positionOf(77n), engineState: 'newer' });
    expect(row()).toEqual(begun);
    expect(bench.keeper.held).toEqual([begun]);
    expect(bench.keeper.confirmCurrent(leaseKey, 2)).toBe(true);
    expect(bench.keeper.confirmCurrent(leaseKey, 1)).toBe(false);
    expect(bench.events.map((event) => event.type)).toEqual(['lease.gained']);
  });

  it('reads again when the row changes under it', async () => {
    const bench = startKeeper(table, clock);
    let changes = 0;
    onWrites(
      table,
      () => changes < 3,
      () => {
        changes += 1;
        table.putRow({ ...row(), leaseCounter: row().leaseCounter + 10 });
      },
    );
    expect(await begin(bench)).toMatchObject({ leaseCounter: 32, tenure: 32 });
  });

  it.each<[string, Partial<Lease>]>([
    ['of another worker', { leaseOwner: 'other' }],
    ['that is still being handed over', { checkpointOwner: 'other' }],
  ])('leaves a lease %s alone', async (_, parts) => {
    table.putRow({ ...lease, ...parts });
    const bench = startKeeper(table, clock);
    expect(await clock.runUntil(bench.keeper.begin(leaseKey, never))).toBeUndefined();
    expect(row()).toEqual({ ...lease, ...parts });
    expect(bench.keeper.held).toEqual([]);
  });

  it('leaves a lease alone that is gone, or given away between reading and writing', async () => {
    const bench = startKeeper(table, clock);
    onWrites(
      table,
      () => true,
      () => table.putRow({ ...row(), leaseOwner: 'other', leaseCounter: 9 }),
    );
    expect(await clock.runUntil(bench.keeper.begin(leaseKey, never))).toBeUndefined();
    table.deleteRow(leaseKey);
    expect(await clock.runUntil(bench.keeper.begin(leaseKey, never))).toBeUndefined();
    expect(bench.keeper.held).toEqual([]);
  });

  it('is done once by two calls at the same time', async () => {
    const bench = startKeeper(table, clock);
    const both = [bench.keeper.begin(leaseKey, never), bench.keeper.begin(leaseKey, never)];
    const begun = await clock.runUntil(Promise.all(both));
    expect(begun.filter((one) => one !== undefined)).toHaveLength(1);
    expect(row().leaseCounter).toBe(2);
  });

  it('begins again with a newer tenure when the answer is lost', async () => {
    const bench = startKeeper(table, clock);
    let answers = 0;
    onWrites(
      table,
      () => answers === 0,
      () => {
        answers += 1;
        return unreachable;
      },
    );
    await expect(clock.runUntil(bench.keeper.begin(leaseKey, never))).rejects.toMatchObject({
      code: 'MR_ENDPOINT_UNREACHABLE',
    });
    expect(row()).toMatchObject({ tenure: 2 });
    expect(bench.keeper.held).toEqual([]);
    expect(await begin(bench)).toMatchObject({ leaseCounter: 3, tenure: 3 });
  });

  it('of a hundred leases at once makes Node print no warning about listeners', async () => {
    const keys = Array.from({ length: 100 }, (_, index) => `shardId-${index}`);
    for (const key of keys) table.putRow(givenLease('me', key));
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on('warning', onWarning);
    const bench = startKeeper(table, clock);
    table.intercept = () => sleep(clock, 100);
    const { signal } = new AbortController();
    const begun = await clock.runUntil(Promise.all(keys.map((key) => bench.keeper.begin(key, signal))));
    await clock.advance(F);
    process.off('warning', onWarning);
    expect(begun.every((one) => one?.tenure === 2)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('gives up after F/4 without an answer', async () => {
    const bench = startKeeper(table, clock);
    table.intercept = () => sleep(clock, 60_000);
    await expect(clock.runUntil(bench.keeper.begin(leaseKey, never))).rejects.toMatchObject({
      code: 'MR_ENDPOINT_UNREACHABLE',
      reaction: 'retry',
    });
    expect(clock.monotonicMillis()).toBe(F / 4);
  });

  it('resolves LATEST of a row that Java made to the service’s time, once', async () => {
    table.putRow({ ...lease, checkpoint: LATEST });
    const first = await begin(startKeeper(table, clock));
    expect(first.initialTimestampMillis).toBe(clock.wallMillis() + 5_000);
    await clock.advance(60_000);
    const second = await begin(startKeeper(table, clock));
    expect(second.initialTimestampMillis).toBe(first.initialTimestampMillis);
  });

  it('resolves AT_TIMESTAMP of a row that Java made to the configured time, never to now', async () => {
    table.putRow({ ...lease, checkpoint: AT_TIMESTAMP });
    const initialPosition = { type: 'AT_TIMESTAMP', timestampMillis: 1_700_000_000_000 } as const;
    const begun = await begin(startKeeper(table, clock, { initialPosition }));
    expect(begun.initialTimestampMillis).toBe(1_700_000_000_000);
  });

  it('resolves AT_TIMESTAMP to before the longest retention when no time is configured', async () => {
    table.putRow({ ...lease, checkpoint: AT_TIMESTAMP });
    const begun = await begin(startKeeper(table, clock));
    expect(clock.wallMillis() - (begun.initialTimestampMillis ?? 0)).toBeGreaterThan(365 * 24 * 3_600_000);
  });
});

describe('renewal', () => {
  it('is sent every F/3, by the counter of the last write', async () => {
    const bench = startKeeper(table, clock);
    await begin(bench);
    watchWrites();
    await clock.advance(60_000);
    expect(writes.length).toBe(17);
    for (const [index, { at }] of writes.entries()) {
      const gap = at - (writes[index - 1]?.at ?? 0);
      expect(gap).toBeGreaterThanOrEqual(F / 3 - 0.001);
      expect(gap).toBeLessThan(F / 3 + 2);
    }
    expect(row()).toMatchObject({ leaseCounter: 19, tenure: 2 });
    expect(bench.keeper.confirmCurrent(leaseKey, 2)).toBe(true);
  });

  it('is not sent where checkpoints come every F/3: each of them is a heartbeat', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    watchWrites();
    for (let step = 1; step <= 20; step += 1) {
      await clock.advance(F / 3 - 10);
      expect(await clock.runUntil(checkpoint(bench, tenure!, step))).toBe('applied');
    }
    expect(writes.filter(({ write }) => write.set.checkpoint === undefined)).toEqual([]);
    expect(row()).toMatchObject({ leaseCounter: 22, tenure: 2, checkpoint: positionOf(20n) });
  });

  it('that waits behind a slow checkpoint is not sent after it', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    await clock.advance(F / 3 - 100);
    onWrites(
      table,
      () => true,
      async (write) => {
        writes.push({ at: clock.monotonicMillis(), write });
        await sleep(clock, 1_000);
      },
    );
    await clock.runUntil(checkpoint(bench, tenure!, 1));
    await clock.advance(F / 3 - 1_100);
    expect(writes.map(({ write }) => write.set.checkpoint?.kind)).toEqual(['SEQUENCE']);
  });

  it('of many leases goes on for each of them', async () => {
    const keys = Array.from({ length: 100 }, (_, index) => `shardId-${index}`);
    for (const key of keys) table.putRow(givenLease('me', key));
    const bench = startKeeper(table, clock);
    await clock.runUntil(Promise.all(keys.map((key) => bench.keeper.begin(key, never))));
    table.intercept = () => sleep(clock, 50);
    await clock.advance(60_000);
    for (const key of keys) expect(bench.keeper.confirmCurrent(key, 2)).toBe(true);
    const counters = table.rows.filter(({ leaseKey: key }) => keys.includes(key)).map((one) => one.leaseCounter);
    // Not above KCL's writes: 60 s / 3,308 ms.
    expect(Math.max(...counters)).toBeLessThanOrEqual(2 + 18);
  });
});

describe('the counter', () => {
  it('is one for renewals and checkpoints that are asked for at the same time', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    table.intercept = () => sleep(clock, 20);
    const outcomes: KeeperOutcome[] = [];
    for (let step = 1; step <= 30; step += 1) {
      void checkpoint(bench, tenure!, step).then((outcome) => outcomes.push(outcome));
      void checkpoint(bench, tenure!, step).then((outcome) => outcomes.push(outcome));
      await clock.advance(F / 3 - 30);
    }
    await clock.advance(100);
    expect(outcomes).toEqual(Array.from({ length: 60 }, () => 'applied'));
    expect(bench.lost).toEqual([]);
    expect(row()).toMatchObject({ tenure: 2, checkpoint: positionOf(30n) });
    expect(bench.keeper.held[0]?.leaseCounter).toBe(row().leaseCounter);
  });
});

describe('an answer that is lost after the write was applied', () => {
  /** The chosen write is applied and fails that many times in its answer. */
  function loseAnswers(count: number, chosen: (write: LeaseWrite) => boolean): void {
    let left = count;
    onWrites(
      table,
      (write) => chosen(write) && left > 0,
      () => {
        left -= 1;
        return unreachable;
      },
    );
  }

  it('to a renewal is no loss: it goes on from the counter that the row shows', async () => {
    const bench = startKeeper(table, clock);
    await begin(bench);
    loseAnswers(3, () => true);
    await clock.advance(60_000);
    expect(bench.lost).toEqual([]);
    expect(bench.keeper.confirmCurrent(leaseKey, 2)).toBe(true);
    expect(bench.keeper.held[0]?.leaseCounter).toBe(row().leaseCounter);
  });

  it('to a checkpoint is no loss (KCL issue 537)', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    loseAnswers(1, (write) => write.set.checkpoint !== undefined);
    expect(await clock.runUntil(checkpoint(bench, tenure!, 5))).toBe('applied');
    expect(row()).toMatchObject({ leaseCounter: 3, checkpoint: positionOf(5n) });
    expect(await clock.runUntil(checkpoint(bench, tenure!, 6))).toBe('applied');
    expect(bench.lost).toEqual([]);
  });

  it.each([undefined, 'other'])('to a release to %s is a release', async (to) => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    loseAnswers(1, () => true);
    const request = { type: 'release', leaseKey, tenure: tenure!, ...(to === undefined ? {} : { to }) } as const;
    expect(await clock.runUntil(bench.keeper.ask(request))).toBe('applied');
    expect(row().leaseOwner).toBe(to);
    expect(bench.lost).toEqual([]);
    expect(bench.keeper.held).toEqual([]);
    expect(bench.events.at(-1)).toMatchObject({ type: 'lease.released' });
  });

  it('to a release that has come back by way of another worker is no duplicate worker', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    let answers = 0;
    onWrites(
      table,
      () => answers === 0,
      () => {
        answers += 1;
        return () => {
          // The other begins its tenure and gives the lease back, before our second attempt.
          table.putRow({ ...row(), leaseCounter: 9, tenure: 8, leaseOwner: 'me' });
          unreachable();
        };
      },
    );
    expect(await clock.runUntil(bench.keeper.ask({ type: 'release', leaseKey, tenure: tenure!, to: 'other' }))).toBe(
      'lost',
    );
    expect(bench.lost).toMatchObject([{ reason: 'taken' }]);
    expect(bench.fault()).toBeUndefined();
  });
});

describe('a write that is lost before it was applied', () => {
  it('is sent again until it is applied', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    let left = 3;
    onWrites(
      table,
      () => left > 0,
      () => {
        left -= 1;
        unreachable();
      },
    );
    expect(await clock.runUntil(checkpoint(bench, tenure!, 5))).toBe('applied');
    expect(row()).toMatchObject({ leaseCounter: 3, checkpoint: positionOf(5n) });
    expect(bench.events.filter(({ type }) => type === 'fault.seen')).toHaveLength(3);
  });

  it('is a loss when somebody else was given the lease meanwhile, although the counter is the one we meant', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    let left = 1;
    onWrites(
      table,
      () => left > 0,
      () => {
        left -= 1;
        // Java's leader assigns without waiting; our tenure stays in the row until the new owner begins.
        table.putRow({ ...row(), leaseOwner: 'other', leaseCounter: 3 });
        unreachable();
      },
    );
    await clock.advance(F / 2);
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason: 'taken' }]);
    expect(bench.keeper.confirmCurrent(leaseKey, tenure!)).toBe(false);
    expect(row()).toMatchObject({ leaseOwner: 'other', leaseCounter: 3 });
  });

  it('does no harm when it arrives late, behind the second attempt and others', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    let left = 1;
    onWrites(
      table,
      () => left > 0,
      () => {
        left -= 1;
        return sleep(clock, F);
      },
    );
    expect(await clock.runUntil(checkpoint(bench, tenure!, 5))).toBe('applied');
    expect(await clock.runUntil(checkpoint(bench, tenure!, 6))).toBe('applied');
    await clock.advance(3 * F);
    expect(bench.lost).toEqual([]);
    expect(row()).toMatchObject({ checkpoint: positionOf(6n), leaseCounter: bench.keeper.held[0]!.leaseCounter });
  });
});

describe('a lease', () => {
  it.each<[string, () => void, string]>([
    ['taken', () => table.putRow({ ...row(), leaseOwner: 'other', leaseCounter: 50, tenure: 50 }), 'taken'],
    ['evicted', () => table.putRow({ ...lease, leaseCounter: 50 }), 'taken'],
    ['deleted', () => table.deleteRow(leaseKey), 'deleted'],
  ])('%s by somebody else is lost at the next renewal', async (_, change, reason) => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    change();
    const before = table.rows;
    await clock.advance(F / 3 + 10);
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason }]);
    expect(bench.keeper.held).toEqual([]);
    expect(table.rows).toEqual(before);
    expect(await clock.runUntil(checkpoint(bench, tenure!, 1))).toBe('lost');
    expect(bench.fault()).toBeUndefined();
  });

  it('taken meanwhile is lost at a checkpoint, which leaves the row of the new owner alone', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    const taken = { ...row(), leaseOwner: 'other', leaseCounter: 3 };
    table.putRow(taken);
    expect(await clock.runUntil(checkpoint(bench, tenure!, 1))).toBe('lost');
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason: 'taken' }]);
    expect(row()).toEqual(taken);
  });

  it('of which another process of the same name has begun a tenure ends this worker', async () => {
    const bench = startKeeper(table, clock);
    await begin(bench);
    await clock.runUntil(
      table.write(
        beginTenure(row(), 'me', () => 0),
        never,
      ),
    );
    await clock.advance(F / 3 + 10);
    expect(bench.lost).toMatchObject([{ reason: 'duplicate' }]);
    expect(bench.fault()).toMatchObject({ code: 'MR_WORKER_DUPLICATE', subject: { worker: 'me', lease: leaseKey } });
    await bench.ended;
  });
});

describe('an unreachable table', () => {
  it('makes a lease expire F after the last confirmed request was sent, and not before', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    onWrites(
      table,
      () => true,
      () => () => sleep(clock, 2_000),
    );
    // The last renewal was sent at F/3; the answer to it took 2 s.
    await clock.advance(F / 3 + 2_010);
    expect(row().leaseCounter).toBe(3);
    table.intercept = unreachable;
    await clock.advance(F - 2_020);
    expect(bench.keeper.confirmCurrent(leaseKey, tenure!)).toBe(true);
    expect(bench.lost).toEqual([]);
    await clock.advance(20);
    expect(bench.keeper.confirmCurrent(leaseKey, tenure!)).toBe(false);
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason: 'expired' }]);
  });

  it('counts from before the request of the tenure, not from its answer', async () => {
    const bench = startKeeper(table, clock);
    table.intercept = (call) => (call.name === 'write' ? () => sleep(clock, 2_000) : undefined);
    const { tenure } = await begin(bench);
    table.intercept = unreachable;
    await clock.advance(F - 2_000);
    expect(bench.keeper.confirmCurrent(leaseKey, tenure!)).toBe(true);
    await clock.advance(1);
    expect(bench.keeper.confirmCurrent(leaseKey, tenure!)).toBe(false);
  });

  it('lets a checkpoint settle, lost, soon after F', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    table.intercept = () => sleep(clock, 10 * F);
    expect(await clock.runUntil(checkpoint(bench, tenure!, 1))).toBe('lost');
    expect(clock.monotonicMillis()).toBeGreaterThan(F);
    expect(clock.monotonicMillis()).toBeLessThanOrEqual(F + F / 12 + 10);
    expect(bench.lost).toEqual([{ leaseKey, tenure, reason: 'expired' }]);
  });

  it('is asked again after F/4 without an answer, and a slow answer that comes in time is enough', async () => {
    const bench = startKeeper(table, clock);
    await begin(bench);
    const delays = [F, F, 100];
    onWrites(
      table,
      () => delays.length > 0,
      (write) => {
        writes.push({ at: clock.monotonicMillis(), write });
        const delay = delays.shift()!;
        // The service never sees the slow ones.
        return sleep(clock, delay).then(() => (delay === F ? unreachable() : undefined));
      },
    );
    await clock.advance(F);
    expect(writes).toHaveLength(3);
    const [first, second, third] = writes.map(({ at }) => at) as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(F / 4);
    expect(second - first).toBeLessThanOrEqual(F / 4 + 100);
    expect(third - second).toBeLessThanOrEqual(F / 4 + 200);
    expect(bench.lost).toEqual([]);
    expect(bench.keeper.confirmCurrent(leaseKey, 2)).toBe(true);
  });

  it('is not asked for a lease that has expired here, even if nobody took it', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    bench.kill();
    const paused = startKeeper(table, clock);
    const { tenure: second } = await begin(paused);
    paused.kill();
    await clock.advance(F + 1);
    watchWrites();
    expect(await clock.runUntil(checkpoint(paused, second!, 1))).toBe('lost');
    expect(await clock.runUntil(checkpoint(bench, tenure!, 1))).toBe('lost');
    expect(writes).toEqual([]);
  });

  it('ends the worker at once with a fault that will not pass', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    table.intercept = () => {
      throw new MillraceError('MR_ACCESS_DENIED', 'UpdateItem is not allowed');
    };
    await expect(clock.runUntil(checkpoint(bench, tenure!, 1))).rejects.toMatchObject({ code: 'MR_ACCESS_DENIED' });
    await clock.runUntil(bench.ended);
    expect(bench.fault()).toMatchObject({ code: 'MR_ACCESS_DENIED' });
  });
});

describe('release', () => {
  it.each([undefined, 'other'])('to %s gives the lease up for good', async (to) => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    const request = { type: 'release', leaseKey, tenure: tenure!, ...(to === undefined ? {} : { to }) } as const;
    expect(await clock.runUntil(bench.keeper.ask(request))).toBe('applied');
    const released = row();
    expect(released).toMatchObject({ leaseCounter: 3 });
    expect(released.leaseOwner).toBe(to);
    await clock.advance(F);
    expect(row()).toEqual(released);
    expect(bench.lost).toEqual([]);
    expect(await clock.runUntil(bench.keeper.ask(request))).toBe('lost');
    expect(await clock.runUntil(checkpoint(bench, tenure!, 1))).toBe('lost');
  });

  it('comes after the checkpoints that were asked for before it', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    table.intercept = () => sleep(clock, 100);
    const outcomes = await clock.runUntil(
      Promise.all([
        checkpoint(bench, tenure!, 1),
        bench.keeper.ask({ type: 'checkpoint', leaseKey, tenure: tenure!, checkpoint: SHARD_END }),
        bench.keeper.ask({ type: 'release', leaseKey, tenure: tenure!, to: 'other' }),
        checkpoint(bench, tenure!, 3),
      ]),
    );
    expect(outcomes).toEqual(['applied', 'applied', 'applied', 'lost']);
    expect(row()).toMatchObject({ leaseOwner: 'other', checkpoint: SHARD_END, leaseCounter: 5 });
  });

  it('ends the confirmation before its answer is here, since the next owner may read already', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    onWrites(
      table,
      () => true,
      () => () => sleep(clock, 1_000),
    );
    const releasing = bench.keeper.ask({ type: 'release', leaseKey, tenure: tenure!, to: 'other' });
    await clock.advance(500);
    expect(row().leaseOwner).toBe('other');
    expect(bench.keeper.confirmCurrent(leaseKey, tenure!)).toBe(false);
    expect(await clock.runUntil(releasing)).toBe('applied');
  });

  it('is refused when somebody else holds the lease, and takes nothing from them', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    const written = await clock.runUntil(table.write(assignLease(row(), 'other'), never));
    expect(await clock.runUntil(bench.keeper.ask({ type: 'release', leaseKey, tenure: tenure! }))).toBe('lost');
    expect(row()).toEqual(written.lease);
  });
});

describe('run', () => {
  it('ends with its signal, drops what it held and leaves no write behind', async () => {
    const bench = startKeeper(table, clock);
    const { tenure } = await begin(bench);
    table.intercept = () => sleep(clock, 100 * F);
    const asked = checkpoint(bench, tenure!, 1);
    await clock.advance(10);
    bench.kill();
    await clock.runUntil(bench.ended, { atMostMillis: 10 });
    expect(await clock.runUntil(asked)).toBe('lost');
    expect(bench.keeper.held).toEqual([]);
    expect(bench.keeper.confirmCurrent(leaseKey, tenure!)).toBe(false);
    expect(bench.lost).toEqual([]);
  });
});
