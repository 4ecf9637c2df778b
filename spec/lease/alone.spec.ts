import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { Fleet, type FleetWorker, failoverTimeMillis as F } from './fleet.ts';
import { givenLease, workerRow } from './keeper-bench.ts';
import { idOf } from './plan/lineage.ts';

const exclusive = { exclusive: true } as const;
let fleet: Fleet;

beforeEach(() => {
  fleet = new Fleet();
});

async function runAlone(name: string, options: { exclusive?: true } = {}): Promise<FleetWorker> {
  const worker = fleet.start(name, options);
  await fleet.until(() => fleet.allHeld && worker.keeper.held.length === 6, 3 * F);
  return worker;
}

function expectRefusal(worker: FleetWorker, other: string): void {
  expect(worker.fault).toMatchObject({ code: 'MR_ENGINE_NOT_ALONE', subject: { worker: other } });
  expect(String(worker.fault)).toContain(JSON.stringify(other));
}

describe('a worker that must be alone', () => {
  it('starts at once in a table without others', async () => {
    fleet.start('e', exclusive);
    expect(await fleet.until(() => fleet.allHeld, 60_000)).toBeLessThan(1_100);
  });

  it('refuses to start beside a plain worker, names it, and disturbs nobody', async () => {
    const a = await runAlone('a');
    const changes = fleet.changes.length;
    const e = fleet.start('e', exclusive);
    await fleet.clock.runUntil(e.ended);
    expectRefusal(e, 'a');
    // All that is written meanwhile is what a writes: its heartbeats, its lock and its row.
    for (const call of fleet.changes.slice(changes)) {
      if (call.name === 'putWorker') expect(call.row.workerIdentifier).toBe('a');
      else if (call.name === 'writeLock') expect(call.lock.ownerName).toBe('a');
      else expect(call).toMatchObject({ name: 'write', write: { condition: { tenure: 2 } } });
    }
    expect(fleet.table.workerRows.map((row) => row.workerIdentifier)).toEqual(['a']);
    await fleet.advance(F);
    expect(fleet.shares).toEqual({ a: 6 });
    expect(a.lost).toEqual([]);
  });

  it('refuses to start beside another of its kind, whatever the names', async () => {
    await runAlone('e', exclusive);
    for (const name of ['d', 'f']) {
      const second = fleet.start(name, exclusive);
      await fleet.clock.runUntil(second.ended);
      expectRefusal(second, 'e');
    }
    expect(fleet.shares).toEqual({ e: 6 });
  });

  it('refuses to start beside a plain worker that reports and has no lease', async () => {
    fleet = new Fleet({ shards: [] });
    fleet.start('b');
    await fleet.advance(5 * F);
    expect(fleet.table.rows).toEqual([]);
    const e = fleet.start('e', exclusive);
    await fleet.clock.runUntil(e.ended);
    expectRefusal(e, 'b');
  });

  it('refuses to start beside a Java worker, which has no row but whose leases move', async () => {
    fleet.table.putRow(givenLease('java', idOf(0)));
    const e = fleet.start('e', exclusive);
    await fleet.advance(3_308);
    fleet.table.putRow({ ...givenLease('java', idOf(0)), leaseCounter: 2 });
    await fleet.clock.runUntil(e.ended);
    expectRefusal(e, 'java');
    // Not even the lock, which was free.
    expect(fleet.changes).toEqual([]);
  });

  it('waits F for a worker that has died, and goes on then', async () => {
    const a = await runAlone('a');
    a.kill();
    const e = fleet.start('e', exclusive);
    const took = await fleet.until(() => fleet.allHeld && e.keeper.held.length === 6, 3 * F);
    expect(took).toBeGreaterThan(F - 1);
    expect(took).toBeLessThan(F + 2_000);
    await fleet.advance(5 * F);
    expect([e.state, fleet.shares]).toEqual(['running', { e: 6 }]);
  });

  it('waits F for the row of a process that died long ago, once, and goes on then', async () => {
    fleet.table.putWorkerRow(workerRow('dead', { reportCounter: 1, exclusive: true }));
    for (const name of ['e', 'c']) {
      const e = fleet.start(name, exclusive);
      await fleet.until(() => fleet.allHeld && e.state === 'running', F + 2_000);
      await fleet.advance(4 * F);
      expect(e.state).toBe('running');
      await fleet.clock.runUntil(e.stop());
      expect(fleet.table.workerRows).toEqual([]);
    }
  });

  it('comes back under its own name at once', async () => {
    const e = await runAlone('e', exclusive);
    e.kill();
    await fleet.advance(1_000);
    const again = fleet.start('e', exclusive);
    expect(await fleet.until(() => fleet.allHeld && again.keeper.held.length === 6, 3 * F)).toBeLessThan(1_500);
  });

  it('starts at once when the last one has stopped', async () => {
    const a = await runAlone('a');
    await fleet.clock.runUntil(a.stop());
    const e = fleet.start('e', exclusive);
    expect(await fleet.until(() => e.keeper.held.length === 6, 60_000)).toBeLessThan(1_100);
  });
});

describe('a plain worker', () => {
  it('refuses to start beside one that must be alone, and leaves it in peace', async () => {
    const e = await runAlone('e', exclusive);
    for (const name of ['a', 'z']) {
      const plain = fleet.start(name);
      await fleet.clock.runUntil(plain.ended);
      expectRefusal(plain, 'e');
    }
    await fleet.advance(F);
    expect(fleet.shares).toEqual({ e: 6 });
    expect(e.lost).toEqual([]);
    expect(e.state).toBe('running');
  });

  it('waits F for one that must be alone and has died, and goes on then', async () => {
    const e = await runAlone('e', exclusive);
    e.kill();
    const a = fleet.start('a');
    const took = await fleet.until(() => fleet.allHeld && a.keeper.held.length === 6, 3 * F);
    expect(took).toBeLessThan(F + 2_000);
    await fleet.advance(5 * F);
    expect(a.state).toBe('running');
  });

  it('does not wait for other plain workers', async () => {
    await runAlone('a');
    fleet.start('b');
    expect(await fleet.until(() => fleet.shares['b'] === 3, 60_000)).toBeLessThan(6_000);
  });
});

describe('workers that start at the same moment', () => {
  it.each([
    ['d', 'e', [exclusive, exclusive]],
    ['d', 'e', [exclusive, {}]],
    ['d', 'e', [{}, exclusive]],
  ] as const)(
    '%s and %s with %o: the first by name stays, the other names it and leaves',
    async (one, other, kinds) => {
      for (const latency of [0, 30, 400]) {
        for (const order of ['as named', 'reversed']) {
          fleet = new Fleet();
          fleet.table.intercept = () => (latency === 0 ? undefined : sleep(fleet.clock, latency));
          const starts = [() => fleet.start(one, kinds[0]), () => fleet.start(other, kinds[1])];
          const started = (order === 'as named' ? starts : starts.toReversed()).map((start) => start());
          const [first, second] = order === 'as named' ? started : started.toReversed();
          await fleet.clock.runUntil(second!.ended, { atMostMillis: 3 * F });
          expectRefusal(second!, one);
          await fleet.until(() => first!.keeper.held.length === 6, 3 * F);
          await fleet.advance(3 * F);
          expect([first!.state, fleet.shares]).toEqual(['running', { [one]: 6 }]);
        }
      }
    },
  );

  it('leave one of three', async () => {
    fleet.start('c', exclusive);
    fleet.start('a', exclusive);
    fleet.start('b', exclusive);
    await fleet.advance(2 * F);
    expect(fleet.workers.map((worker) => worker.state)).toEqual(['failed', 'running', 'failed']);
    expect(fleet.shares).toEqual({ a: 6 });
  });
});

describe('one that was believed dead', () => {
  it('and wakes beside a worker that must be alone: one of the two leaves, by name', async () => {
    for (const [sleeper, engine, stays] of [
      ['a', 'e', 'a'],
      ['z', 'e', 'e'],
    ] as const) {
      fleet = new Fleet();
      const plain = await runAlone(sleeper);
      plain.pause();
      const e = fleet.start(engine, exclusive);
      await fleet.until(() => e.keeper.held.length === 6, 3 * F);
      plain.resume();
      await fleet.until(() => fleet.workers.some((worker) => worker.state === 'failed'), 2 * F);
      await fleet.until(() => fleet.allHeld, 3 * F);
      await fleet.advance(3 * F);
      expect(fleet.workers.map((worker) => [worker.name, worker.state])).toEqual([
        [sleeper, stays === sleeper ? 'running' : 'failed'],
        [engine, stays === engine ? 'running' : 'failed'],
      ]);
      expect(fleet.shares).toEqual({ [stays]: 6 });
    }
  });
});
