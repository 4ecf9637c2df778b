import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../../lib/base/clock.ts';
import { MillraceError } from '../../../lib/base/error.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { type Epoch, EpochKeeper } from '../../../lib/engine/commit/epoch-keeper.ts';
import type { MillraceEvent } from '../../../lib/event/event.ts';
import { epochTableSuite } from '../../../lib/testkit/conformance/epoch-table-suite.ts';
import { type EpochHarm, EpochPlace, FakeEpochTable } from '../../../lib/testkit/fake-epoch-table.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

const failoverTimeMillis = 3_000;

describe('the fake row of an application', () => {
  it.each(epochTableSuite({ createTable: () => Promise.resolve(new FakeEpochTable()) }))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

/** Some processes of one application on one row. */
class Scene {
  readonly clock = new VirtualClock();
  readonly place = new EpochPlace();
  readonly events: MillraceEvent[] = [];
  readonly #random = seededRandom(3);

  keeper(name: string, harm: EpochHarm = {}, table = new FakeEpochTable(this.place, harm)): EpochKeeper {
    return new EpochKeeper({
      table,
      applicationName: 'counts',
      workerIdentifier: name,
      failoverTimeMillis,
      clock: this.clock,
      random: this.#random,
      events: { publish: (event) => void this.events.push(event) },
    });
  }

  /** Acquires and beats until the signal aborts. */
  async hold(name: string, harm: EpochHarm = {}): Promise<Held> {
    const life = new AbortController();
    const epoch = await this.clock.runUntil(this.keeper(name, harm).acquire(life.signal));
    const running = epoch.run(life.signal);
    return { epoch, kill: () => life.abort(new Error('killed')), running };
  }

  types(): string[] {
    return this.events.map((event) => event.type);
  }
}

interface Held {
  readonly epoch: Epoch;
  readonly kill: () => void;
  readonly running: Promise<void>;
}

const never = new AbortController().signal;
const lostAnswer = () => {
  throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the connection was reset');
};

describe('the epoch of an application', () => {
  it('goes to the first process at once, with nothing committed', async () => {
    const scene = new Scene();
    const { epoch } = await scene.hold('one');
    expect(scene.clock.monotonicMillis()).toBe(0);
    expect([epoch.number, epoch.batchId, epoch.pointer]).toEqual([1, 0, undefined]);
    expect(scene.types()).toEqual(['engine.active']);
  });

  it('is kept by heartbeats every F/3, and by commits in their place', async () => {
    const scene = new Scene();
    const { epoch } = await scene.hold('one');
    await scene.clock.advance(10 * failoverTimeMillis);
    expect(epoch.isHeld()).toBe(true);
    expect(scene.place.history.length).toBe(31);
    for (let batchId = 1; batchId <= 40; batchId += 1) {
      await scene.clock.advance(500);
      expect(await epoch.commit({ batchId, pointer: `p${batchId}` }, never)).toBe('committed');
    }
    expect(scene.place.history.length).toBe(31 + 40);
  });

  it('goes to a standby within F and a look after the holder died, which goes on from the last commit', async () => {
    const scene = new Scene();
    const first = await scene.hold('one');
    await scene.clock.runUntil(first.epoch.commit({ batchId: 1, pointer: 'p1' }, never));
    const second = scene.keeper('two').acquire(never);
    await scene.clock.advance(5 * failoverTimeMillis);
    expect(scene.types()).toEqual(['engine.active', 'engine.standby']);
    first.kill();
    const diedAtMillis = scene.clock.monotonicMillis();
    const epoch = await scene.clock.runUntil(second);
    expect(scene.clock.monotonicMillis() - diedAtMillis).toBeLessThanOrEqual(failoverTimeMillis + 1_000);
    expect([epoch.number, epoch.batchId, epoch.pointer]).toEqual([2, 1, 'p1']);
  });

  it('is certain for F from before its last write was sent, however late the answer came', async () => {
    const scene = new Scene();
    const slowly = { isSlow: false, isCut: false };
    const { epoch } = await scene.hold('one', {
      before: () => (slowly.isCut ? lostAnswer() : undefined),
      after: () => (slowly.isSlow ? sleep(scene.clock, 700, never) : undefined),
    });
    slowly.isSlow = true;
    const askedAtMillis = scene.clock.monotonicMillis();
    expect(await scene.clock.runUntil(epoch.commit({ batchId: 1, pointer: 'p1' }, never))).toBe('committed');
    slowly.isCut = true;
    await scene.clock.advance(askedAtMillis + failoverTimeMillis - 1 - scene.clock.monotonicMillis());
    expect(epoch.isHeld()).toBe(true);
    await scene.clock.advance(1);
    expect(epoch.isHeld()).toBe(false);
  });

  it('does not try again what is denied: the run ends with the fault', async () => {
    const scene = new Scene();
    let isDenied = false;
    const denied = () => {
      if (isDenied) throw new MillraceError('MR_ACCESS_DENIED', 'no right to write');
    };
    const { epoch } = await scene.hold('one', { before: denied });
    isDenied = true;
    const commit = epoch.commit({ batchId: 1, pointer: 'p1' }, never);
    await expect(scene.clock.runUntil(commit, { atMostMillis: 500 })).rejects.toMatchObject({
      code: 'MR_ACCESS_DENIED',
    });
  });

  it('gives a write up that has no answer after F/4, and sends it again', async () => {
    const scene = new Scene();
    let hangs = 0;
    class HangingTable extends FakeEpochTable {
      override write(...[row, seen, signal]: Parameters<FakeEpochTable['write']>) {
        if (hangs === 0) return super.write(row, seen, signal);
        hangs -= 1;
        return new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      }
    }
    const keeper = scene.keeper('one', {}, new HangingTable(scene.place));
    const epoch = await scene.clock.runUntil(keeper.acquire(never));
    hangs = 1;
    const outcome = scene.clock.runUntil(epoch.commit({ batchId: 1, pointer: 'p1' }, never), {
      atMostMillis: failoverTimeMillis / 2,
    });
    expect(await outcome).toBe('committed');
    expect(scene.clock.monotonicMillis()).toBeGreaterThanOrEqual(failoverTimeMillis / 4);
  });

  it('goes to a standby at its next look after the holder gave it back', async () => {
    const scene = new Scene();
    const first = await scene.hold('one');
    const second = scene.keeper('two').acquire(never);
    await scene.clock.advance(2_000);
    await scene.clock.runUntil(first.epoch.release(never));
    expect(first.epoch.isHeld()).toBe(false);
    const releasedAtMillis = scene.clock.monotonicMillis();
    await scene.clock.runUntil(second);
    expect(scene.clock.monotonicMillis() - releasedAtMillis).toBeLessThanOrEqual(1_000);
  });

  it('cannot be used by a holder that was paused: it knows before its timers run, and its commit is refused', async () => {
    const scene = new Scene();
    const paused = { until: 0 };
    const first = await scene.hold('one', {
      before: async () => {
        const left = paused.until - scene.clock.monotonicMillis();
        if (left > 0) await sleep(scene.clock, left);
      },
    });
    paused.until = 20_000;
    const second = await scene.clock.runUntil(scene.keeper('two').acquire(never));
    expect(first.epoch.isHeld()).toBe(false);
    expect(first.epoch.lost.aborted).toBe(true);
    expect(await scene.clock.runUntil(second.commit({ batchId: 1, pointer: 'new' }, never))).toBe('committed');
    expect(await scene.clock.runUntil(first.epoch.commit({ batchId: 1, pointer: 'old' }, never))).toBe('lost');
    expect(scene.place.row?.pointer).toBe('new');
  });

  it('is lost by a refused commit, even while the holder believes in it', async () => {
    const scene = new Scene();
    const first = await scene.hold('one');
    const { row } = scene.place;
    if (row === undefined) throw new Error('no row');
    scene.place.row = { ...row, epoch: 2, owner: 'other', counter: row.counter + 1 };
    expect(first.epoch.isHeld()).toBe(true);
    expect(await scene.clock.runUntil(first.epoch.commit({ batchId: 1, pointer: 'p1' }, never))).toBe('lost');
    expect(first.epoch.isHeld()).toBe(false);
    expect(first.epoch.lost.reason).toMatchObject({ code: 'MR_EPOCH_LOST', reaction: 'restart' });
    expect(scene.types()).toContain('engine.lost');
  });

  it('survives lost answers: a commit that was applied counts, once', async () => {
    const scene = new Scene();
    let lose = 0;
    const { epoch } = await scene.hold('one', {
      after: () => {
        if (lose > 0) {
          lose -= 1;
          lostAnswer();
        }
      },
    });
    lose = 2;
    expect(await scene.clock.runUntil(epoch.commit({ batchId: 1, pointer: 'p1' }, never))).toBe('committed');
    expect(scene.place.history.map((row) => row.batchId)).toEqual([0, 1]);
    expect(await scene.clock.runUntil(epoch.commit({ batchId: 2, pointer: 'p2' }, never))).toBe('committed');
  });

  it('settles a write that was given up before it writes anything else', async () => {
    const scene = new Scene();
    let lose = false;
    const { epoch } = await scene.hold('one', { after: () => void (lose && lostAnswer()) });
    lose = true;
    const caller = new AbortController();
    const given = epoch.commit({ batchId: 1, pointer: 'p1' }, caller.signal);
    await scene.clock.advance(200);
    caller.abort(new Error('enough'));
    await expect(scene.clock.runUntil(given)).rejects.toThrow('enough');
    lose = false;
    await scene.clock.runUntil(epoch.release(never));
    expect(scene.place.row).toMatchObject({ isReleased: true, batchId: 1, epoch: 1 });
  });

  it('refuses a commit that leaves out a batch', async () => {
    const scene = new Scene();
    const { epoch } = await scene.hold('one');
    await expect(scene.clock.runUntil(epoch.commit({ batchId: 2, pointer: 'p' }, never))).rejects.toMatchObject({
      code: 'MR_COMMIT_GAP',
    });
  });

  it('has one line of commits whatever is lost, late or paused, each by the holder of its time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const scene = new Scene();
        const random = seededRandom(seed);
        const harm = (): EpochHarm => ({
          before: async (call) => {
            if (random.next() < 0.1) await sleep(scene.clock, random.next() * 5_000);
            if (random.next() < 0.05 && call === 'write') lostAnswer();
          },
          after: () => {
            if (random.next() < 0.1) lostAnswer();
          },
        });
        const committed: { epoch: number; batchId: number; pointer: string }[] = [];
        const life = new AbortController();
        const process = async (name: string): Promise<void> => {
          while (!life.signal.aborted) {
            const epoch = await scene.keeper(name, harm()).acquire(life.signal);
            const running = epoch.run(life.signal);
            while (epoch.isHeld() && !life.signal.aborted) {
              const next = { batchId: epoch.batchId + 1, pointer: `${name}/${epoch.number}/${epoch.batchId + 1}` };
              const outcome = await epoch.commit(next, life.signal);
              if (outcome === 'lost') break;
              committed.push({ epoch: epoch.number, ...next });
              if (random.next() < 0.1) await epoch.release(life.signal);
              else await sleep(scene.clock, random.next() * 2_000, life.signal);
            }
            await running;
          }
        };
        const processes = Promise.allSettled([process('one'), process('two'), process('three')]);
        await scene.clock.advance(60_000);
        life.abort(new Error('over'));
        await scene.clock.runUntil(processes);
        const { history } = scene.place;
        for (const [index, row] of history.entries()) {
          const before = history[index - 1];
          if (before === undefined) continue;
          expect(row.counter).toBe(before.counter + 1);
          expect(row.epoch - before.epoch).toBe(row.owner === before.owner && !before.isReleased ? 0 : 1);
          expect([0, 1]).toContain(row.batchId - before.batchId);
        }
        const pointers = new Map(history.map((row) => [row.batchId, row.pointer]));
        for (const one of committed) expect(pointers.get(one.batchId)).toBe(one.pointer);
        expect(committed.length).toBeGreaterThan(0);
      }),
      { numRuns: 40 },
    );
  });
});
