import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import type { LeaderLock } from '../../lib/lease/lease.ts';
import { LeaderElector, type LeaderElectorOptions } from '../../lib/lease/leader-elector.ts';
import { FakeLeaseTable, type LeaseTableCall } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { failoverTimeMillis as F } from './keeper-bench.ts';

const never = new AbortController().signal;
const unreachable = () => {
  throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
};
let clock: VirtualClock;
let table: FakeLeaseTable;
/** What becomes of the calls of each candidate, by name. */
let fates: Map<string, (call: LeaseTableCall) => ReturnType<FakeLeaseTable['intercept']>>;

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  fates = new Map();
});

/** One worker that stands for election, and what it has told. */
class Candidate {
  readonly elector: LeaderElector;
  readonly events: MillraceEvent[] = [];
  /** How often it was told of a change. */
  changes = 0;
  mayLead = true;
  /** The names of the calls it sent, with their times. */
  readonly calls: { readonly name: string; readonly atMillis: number }[] = [];
  fault: unknown;
  #end = new AbortController();

  constructor(name: string, options: Partial<LeaderElectorOptions> = {}) {
    const seen = new Proxy(table, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...parts: unknown[]) => {
          this.calls.push({ name: String(property), atMillis: clock.monotonicMillis() });
          target.intercept = (call) => fates.get(name)?.(call);
          return value.apply(target, parts) as unknown;
        };
      },
    });
    this.elector = new LeaderElector({
      table: seen,
      workerIdentifier: name,
      failoverTimeMillis: F,
      clock,
      random: seededRandom(name.charCodeAt(0)),
      events: { publish: (event) => void this.events.push(event) },
      mayLead: () => this.mayLead,
      onChange: () => (this.changes += 1),
      ...options,
    });
  }

  run(): this {
    this.#end = new AbortController();
    void this.elector.run(this.#end.signal).catch((thrown: unknown) => (this.fault = thrown));
    return this;
  }

  /** As a crash would: no more steps. */
  halt(): void {
    this.#end.abort(new Error('halted'));
  }

  step(): Promise<void> {
    return clock.runUntil(this.elector.step(never));
  }

  get told(): readonly string[] {
    return this.events.flatMap(({ type }) => (type === 'leader.elected' || type === 'leader.lost' ? [type] : []));
  }
}

/** Writes the lock as another client would. */
async function putLock(parts: Partial<LeaderLock> = {}): Promise<LeaderLock> {
  const lock = {
    ownerName: 'java',
    leaseDurationMillis: F,
    recordVersionNumber: 'v1',
    isReleased: false,
    ...parts,
  };
  const current = table.lock;
  const { recordVersionNumber } = current ?? lock;
  table.intercept = () => {};
  const condition =
    current === undefined ? { type: 'absent' as const } : { type: 'unchanged' as const, recordVersionNumber };
  expect(await table.writeLock(lock, condition, never)).toBe(true);
  return lock;
}

describe('a lock that nobody has', () => {
  it('is taken at the first look, with the duration F', async () => {
    const a = new Candidate('a');
    expect([a.elector.isLeader, a.elector.leader]).toEqual([false, undefined]);
    await a.step();
    expect(a.elector.isLeader).toBe(true);
    expect(table.lock).toMatchObject({ ownerName: 'a', leaseDurationMillis: F, isReleased: false });
    expect(a.told).toEqual(['leader.elected']);
    expect(a.changes).toBe(1);
  });

  it('is taken at the first look when it was released without being deleted', async () => {
    await putLock({ isReleased: true });
    const a = new Candidate('a');
    await a.step();
    expect(table.lock).toMatchObject({ ownerName: 'a', isReleased: false });
    expect(a.elector.isLeader).toBe(true);
  });

  it('goes to one of two that look at the same moment; the other follows it', async () => {
    const [a, b] = [new Candidate('a'), new Candidate('b')];
    for (const name of ['a', 'b']) fates.set(name, () => sleep(clock, 20));
    await clock.runUntil(Promise.all([a.elector.step(never), b.elector.step(never)]));
    expect([a.elector.isLeader, b.elector.isLeader]).toEqual([true, false]);
    await b.step();
    expect(b.elector.leader).toBe('a');
    expect(b.told).toEqual([]);
  });
});

describe('the lock of another worker', () => {
  it('is never taken at first sight, however old it is', async () => {
    await putLock();
    await clock.advance(100 * F);
    const a = new Candidate('a');
    await a.step();
    expect(a.elector.isLeader).toBe(false);
    expect(a.elector.leader).toBe('java');
    expect(table.lock?.ownerName).toBe('java');
  });

  it('is taken one millisecond after it has stood still for its duration, and not before', async () => {
    await putLock();
    const a = new Candidate('a').run();
    await clock.advance(F);
    expect(a.elector.isLeader).toBe(false);
    await clock.advance(1);
    expect(a.elector.isLeader).toBe(true);
    expect(table.lock?.ownerName).toBe('a');
  });

  it('is waited for as long as its own duration says, whatever ours is', async () => {
    await putLock({ leaseDurationMillis: 12 * F });
    const a = new Candidate('a').run();
    await clock.advance(12 * F);
    expect(a.elector.isLeader).toBe(false);
    await clock.advance(1);
    expect(a.elector.isLeader).toBe(true);
  });

  it('is looked at every second, and its age begins anew with every version', async () => {
    await putLock();
    const a = new Candidate('a').run();
    for (let beat = 2; beat < 20; beat += 1) {
      await clock.advance(F - 1_000);
      await putLock({ recordVersionNumber: `v${beat}` });
    }
    expect(a.elector.isLeader).toBe(false);
    const looks = a.calls.filter(({ name }) => name === 'readLock').map(({ atMillis }) => atMillis);
    const gaps = looks.slice(1).map((at, index) => at - looks[index]!);
    expect(Math.max(...gaps)).toBe(1_000);
    expect(a.calls.every(({ name }) => name === 'readLock')).toBe(true);
  });

  it('is taken at once when it is deleted or released', async () => {
    for (const end of ['deleted', 'released'] as const) {
      table = new FakeLeaseTable();
      const lock = await putLock();
      const a = new Candidate('a').run();
      await clock.advance(F / 2);
      if (end === 'deleted') await table.deleteLock(lock, never);
      else await putLock({ isReleased: true });
      await clock.advance(1_000);
      expect(a.elector.isLeader).toBe(true);
      a.halt();
    }
  });

  it('goes to one of several that see it expire, and the others wait for that one', async () => {
    await putLock();
    const all = ['a', 'b', 'c'].map((name) => {
      fates.set(name, () => sleep(clock, 30));
      return new Candidate(name).run();
    });
    await clock.advance(3 * F);
    expect(all.filter(({ elector }) => elector.isLeader)).toHaveLength(1);
    expect(new Set(all.map(({ elector }) => elector.leader)).size).toBe(1);
    expect(all.flatMap(({ told }) => told)).toEqual(['leader.elected']);
  });
});

describe('the look at the lock', () => {
  it('is a consistent read at first and from the moment on at which it may have expired, else the cheap one', async () => {
    const looks: string[] = [];
    fates.set('b', (call) => {
      if (call.name === 'readLock') looks.push(`${Math.ceil(clock.monotonicMillis() / F)}F ${call.consistency}`);
    });
    const leader = new Candidate('a').run();
    await clock.advance(100);
    const follower = new Candidate('b').run();
    await clock.advance(F);
    leader.halt();
    await clock.advance(3 * F);
    expect(follower.elector.isLeader).toBe(true);
    expect(looks[0]).toContain('consistent');
    expect(new Set(looks.slice(1, -1).map((look) => look.split(' ')[1]))).toEqual(new Set(['eventual']));
    expect(looks.at(-1)).toContain('consistent');
  });
});

describe('a leader', () => {
  it('heartbeats every F/3, each time with another version', async () => {
    const a = new Candidate('a').run();
    const versions = new Set<string>();
    for (let second = 0; second < 60; second += 1) {
      await clock.advance(1_000);
      versions.add(table.lock!.recordVersionNumber);
      expect(a.elector.isLeader).toBe(true);
    }
    expect(versions.size).toBe(1 + 18 - 1);
    expect(a.told).toEqual(['leader.elected']);
  });

  it('is none any more when its lock is as old as its duration, counted from before the heartbeat was sent', async () => {
    // The answer to the write takes 2 s.
    fates.set('a', (call) => (call.name === 'writeLock' ? () => sleep(clock, 2_000) : undefined));
    const a = new Candidate('a');
    await a.step();
    expect(clock.monotonicMillis()).toBe(2_000);
    await clock.advance(F - 2_001);
    expect(a.elector.isLeader).toBe(true);
    await clock.advance(1);
    expect(a.elector.isLeader).toBe(false);
  });

  it('stops leading when its heartbeat is refused, and follows the one that took its place', async () => {
    const a = new Candidate('a');
    await a.step();
    await putLock({ ownerName: 'b', recordVersionNumber: 'b1' });
    await a.step();
    expect([a.elector.isLeader, a.elector.leader]).toEqual([false, 'b']);
    expect(a.told).toEqual(['leader.elected', 'leader.lost']);
    expect(table.lock?.recordVersionNumber).toBe('b1');
  });

  it('takes the lock again when somebody has deleted it', async () => {
    const a = new Candidate('a').run();
    await clock.advance(100);
    await table.deleteLock(table.lock!, never);
    await clock.advance(F / 3 + 100);
    expect(a.elector.isLeader).toBe(true);
    expect(a.told).toEqual(['leader.elected']);
  });

  it('goes on leading when the answer to a heartbeat is lost, once or several times', async () => {
    for (const losses of [1, 2, 3]) {
      table = new FakeLeaseTable();
      const a = new Candidate('a').run();
      await clock.advance(100);
      let left = losses;
      fates.set('a', (call) => {
        if (call.name !== 'writeLock' || left === 0) return undefined;
        left -= 1;
        return unreachable;
      });
      for (let second = 0; second < 30; second += 1) {
        await clock.advance(1_000);
        expect(a.elector.isLeader, `${losses} lost, after ${second} s`).toBe(true);
      }
      expect(left).toBe(0);
      expect(a.told).toEqual(['leader.elected']);
      a.halt();
    }
  });

  it('goes on leading when heartbeats are lost on their way, and stops when none has come through for F', async () => {
    const a = new Candidate('a').run();
    await clock.advance(100);
    fates.set('a', (call) => (call.name === 'writeLock' ? unreachable() : undefined));
    // Held since 0 ms.
    await clock.advance(F - 101);
    expect(a.elector.isLeader).toBe(true);
    await clock.advance(1);
    expect(a.elector.isLeader).toBe(false);
    fates.clear();
    await clock.advance(1_000);
    expect(a.elector.isLeader).toBe(true);
  });

  it('sends no more than 24 heartbeats in F while none is answered', async () => {
    const a = new Candidate('a').run();
    await clock.advance(100);
    fates.set('a', unreachable);
    const before = a.calls.length;
    await clock.advance(F);
    expect(a.calls.length - before).toBeLessThanOrEqual(24);
    expect(a.calls.length - before).toBeGreaterThan(4);
  });

  it('gives a request up after F/4, so that two heartbeats fit into what is left', async () => {
    const a = new Candidate('a');
    await a.step();
    fates.set('a', () => sleep(clock, 10 * F));
    await expect(clock.runUntil(a.elector.step(never))).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
    expect(clock.monotonicMillis()).toBe(F / 4);
  });

  it('that slept longer than F says so at once when it wakes, and does not write over its successor', async () => {
    const a = new Candidate('a');
    await a.step();
    const b = new Candidate('b').run();
    await clock.advance(F + 2_000);
    expect([a.elector.isLeader, b.elector.isLeader]).toEqual([false, true]);
    await a.step();
    expect(table.lock?.ownerName).toBe('b');
    expect(a.elector.leader).toBe('b');
  });

  it('ends with a fault that will not pass', async () => {
    const a = new Candidate('a').run();
    await clock.advance(100);
    fates.set('a', () => {
      throw new MillraceError('MR_ACCESS_DENIED', 'UpdateItem is not allowed');
    });
    await clock.advance(F);
    expect(a.fault).toMatchObject({ code: 'MR_ACCESS_DENIED' });
  });
});

describe('a lock that was taken without an answer', () => {
  it('is found to be its own at the next look', async () => {
    await putLock();
    const a = new Candidate('a').run();
    let lost = 0;
    fates.set('a', (call) => {
      if (call.name !== 'writeLock' || lost > 0) return undefined;
      lost += 1;
      return unreachable;
    });
    await clock.advance(F + 1);
    expect(table.lock?.ownerName).toBe('a');
    expect(a.elector.isLeader).toBe(false);
    await clock.advance(1_000);
    expect(a.elector.isLeader).toBe(true);
    expect(a.told).toEqual(['leader.elected']);
  });

  it('counts as confirmed from before the request, not from when it was found', async () => {
    const a = new Candidate('a');
    fates.set('a', (call) => (call.name === 'writeLock' ? unreachable : undefined));
    await expect(clock.runUntil(a.elector.step(never))).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
    fates.clear();
    await clock.advance(F - 1);
    await a.step();
    expect(a.elector.isLeader).toBe(true);
    await clock.advance(1);
    expect(a.elector.isLeader).toBe(false);
  });
});

describe('isSuccessionNear', () => {
  it('holds before the first look, and until the lock was seen to change: its holder may have died long ago', async () => {
    const a = new Candidate('a');
    expect(a.elector.isSuccessionNear).toBe(true);
    await putLock();
    await a.step();
    expect(a.elector.isSuccessionNear).toBe(true);
    await putLock({ recordVersionNumber: 'v2' });
    await a.step();
    expect(a.elector.isSuccessionNear).toBe(false);
  });

  it('holds again once two heartbeats were missed, and no more after the next one', async () => {
    await putLock();
    const a = new Candidate('a').run();
    await clock.advance(500);
    await putLock({ recordVersionNumber: 'v2' });
    // Seen at 1 s.
    await clock.advance(500 + (2 * F) / 3);
    expect(a.elector.isSuccessionNear).toBe(false);
    await clock.advance(1);
    expect(a.elector.isSuccessionNear).toBe(true);
    await putLock({ recordVersionNumber: 'v3' });
    await clock.advance(1_000);
    expect(a.elector.isSuccessionNear).toBe(false);
  });

  it('does not hold for the leader itself', async () => {
    const a = new Candidate('a').run();
    await clock.advance(100);
    expect(a.elector.isSuccessionNear).toBe(false);
  });
});

describe('resign', () => {
  it('deletes the lock, so that another leads at its next look', async () => {
    const [a, b] = [new Candidate('a').run(), new Candidate('b').run()];
    await clock.advance(5_000);
    a.halt();
    await clock.runUntil(a.elector.resign(never));
    expect(table.lock).toBeUndefined();
    expect(a.elector.isLeader).toBe(false);
    await clock.advance(1_000);
    expect(b.elector.isLeader).toBe(true);
    expect([a.told, b.told]).toEqual([['leader.elected', 'leader.lost'], ['leader.elected']]);
  });

  it('may be followed by another election of the same worker', async () => {
    const a = new Candidate('a');
    for (let round = 0; round < 3; round += 1) {
      await a.step();
      expect(a.elector.isLeader).toBe(true);
      await clock.runUntil(a.elector.resign(never));
    }
    expect(a.changes).toBe(6);
  });

  it('goes on with a deletion that failed when it is called again', async () => {
    const a = new Candidate('a');
    await a.step();
    fates.set('a', (call) => (call.name === 'deleteLock' ? unreachable() : undefined));
    await expect(clock.runUntil(a.elector.resign(never))).rejects.toThrow('no answer came');
    fates.clear();
    expect(table.lock?.ownerName).toBe('a');
    await clock.runUntil(a.elector.resign(never));
    expect(table.lock).toBeUndefined();
  });

  it('is completed by the next step when the deletion has failed, so that nobody waits until the lock expires', async () => {
    const [a, b] = [new Candidate('a').run(), new Candidate('b').run()];
    await clock.advance(5_000);
    expect(a.elector.isLeader).toBe(true);
    fates.set('a', (call) => (call.name === 'deleteLock' ? unreachable() : undefined));
    await expect(clock.runUntil(a.elector.resign(never, 3_000))).rejects.toThrow('no answer came');
    fates.clear();
    await clock.advance(2_100);
    expect(b.elector.isLeader).toBe(true);
    expect(a.elector.isLeader).toBe(false);
  });

  it('of a worker that does not lead does nothing', async () => {
    await putLock();
    const a = new Candidate('a');
    await a.step();
    await clock.runUntil(a.elector.resign(never));
    expect(table.lock?.ownerName).toBe('java');
    expect(a.calls.map(({ name }) => name)).toEqual(['readLock']);
  });

  it('leaves the lock of a successor alone', async () => {
    const a = new Candidate('a');
    await a.step();
    await putLock({ ownerName: 'b', recordVersionNumber: 'b1' });
    await clock.runUntil(a.elector.resign(never));
    expect(table.lock?.ownerName).toBe('b');
  });

  it('also deletes the lock of a heartbeat, or of an election, whose answer never came', async () => {
    for (const isLeading of [true, false]) {
      table = new FakeLeaseTable();
      const a = new Candidate('a');
      if (isLeading) await a.step();
      fates.set('a', (call) => (call.name === 'writeLock' ? unreachable : undefined));
      await expect(clock.runUntil(a.elector.step(never))).rejects.toThrow();
      fates.clear();
      expect(table.lock?.ownerName).toBe('a');
      await clock.runUntil(a.elector.resign(never));
      expect(table.lock).toBeUndefined();
    }
  });
});

describe('resign while a write is on its way', () => {
  it.each([
    ['a heartbeat', true],
    ['an election', false],
  ])('leaves no lock behind and does not lead, whenever the answer of %s comes', async (_, isLeading) => {
    // The write waits before it is applied, or its answer after that.
    for (const isApplied of [false, true]) {
      table = new FakeLeaseTable();
      const a = new Candidate('a');
      if (isLeading) await a.step();
      fates.set('a', async (call) => {
        if (call.name !== 'writeLock') return undefined;
        if (!isApplied) await sleep(clock, 300, never);
        return async () => void (isApplied && (await sleep(clock, 300, never)));
      });
      const writing = a.elector.step(never).catch(() => {});
      await clock.advance(100);
      const resigning = a.elector.resign(never, 60_000);
      await clock.runUntil(Promise.all([writing, resigning]));
      fates.clear();
      expect(a.elector.isLeader).toBe(false);
      expect(table.lock).toBeUndefined();
    }
  });

  it('leaves the lock to others for as long as it says', async () => {
    const a = new Candidate('a').run();
    await clock.advance(100);
    await clock.runUntil(a.elector.resign(never, 5_000));
    await clock.advance(4_900);
    expect(a.elector.isLeader).toBe(false);
    await clock.advance(1_200);
    expect(a.elector.isLeader).toBe(true);
  });
});

describe('a worker that may not lead', () => {
  it('takes no lock: neither a free one, nor a released one, nor an expired one', async () => {
    for (const begin of [() => undefined, () => putLock({ isReleased: true }), () => putLock()]) {
      table = new FakeLeaseTable();
      await begin();
      const before = table.lock;
      const a = new Candidate('a');
      a.mayLead = false;
      a.run();
      await clock.advance(5 * F);
      expect(table.lock).toEqual(before);
      expect(a.elector.isLeader).toBe(false);
      // Nor does it look more often than others while it waits.
      expect(a.calls.length).toBeLessThanOrEqual((5 * F) / 1_000 + 1);
      a.halt();
    }
  });

  it('takes an expired one as soon as it may', async () => {
    await putLock();
    const a = new Candidate('a');
    a.mayLead = false;
    a.run();
    await clock.advance(2 * F);
    a.mayLead = true;
    await clock.advance(1_000);
    expect(a.elector.isLeader).toBe(true);
  });

  it('does not lead by a lock that it took without an answer before', async () => {
    const a = new Candidate('a');
    fates.set('a', (call) => (call.name === 'writeLock' ? unreachable : undefined));
    await expect(clock.runUntil(a.elector.step(never))).rejects.toThrow();
    fates.clear();
    a.mayLead = false;
    await a.step();
    expect(a.elector.isLeader).toBe(false);
  });
});

describe('candidates over a network that loses, delays and doubts', () => {
  it('never lead two at a time, and one leads again soon after', async () => {
    const anyFault = fc.record({
      kind: fc.constantFrom('fine', 'fine', 'lost', 'unanswered', 'late', 'answered late'),
      millis: fc.nat({ max: F }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyFault, { maxLength: 60 }),
        fc.array(fc.nat({ max: 2 }), { maxLength: 6 }),
        async (faults, halts) => {
          clock = new VirtualClock({ turnsToSettle: 1 });
          table = new FakeLeaseTable();
          fates = new Map();
          let next = 0;
          const fate = () => {
            const fault = faults[next];
            next += 1;
            switch (fault?.kind) {
              case 'lost':
                return unreachable();
              case 'unanswered':
                return unreachable;
              case 'late':
                return sleep(clock, fault.millis);
              case 'answered late':
                return () => sleep(clock, fault.millis);
              default:
                return sleep(clock, 5);
            }
          };
          const names = ['a', 'b', 'c'];
          for (const name of names) fates.set(name, fate);
          const all = names.map((name) => new Candidate(name).run());
          for (const halted of [...halts, undefined]) {
            for (let step = 0; step < 100; step += 1) {
              await clock.advance(100);
              const leaders = all.filter(({ elector }) => elector.isLeader).map(({ elector }) => elector.leader);
              expect(leaders.length, String(leaders)).toBeLessThanOrEqual(1);
            }
            if (halted === undefined) continue;
            for (const candidate of all) candidate.halt();
            for (const [index, candidate] of all.entries()) if (index !== halted) candidate.run();
          }
          fates.clear();
          for (const candidate of all) candidate.halt();
          for (const candidate of all) candidate.run();
          await clock.advance(4 * F);
          expect(all.filter(({ elector }) => elector.isLeader)).toHaveLength(1);
          for (const candidate of all) candidate.halt();
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);
});
