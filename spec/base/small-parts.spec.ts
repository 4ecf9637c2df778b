import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadlineController, linkedController, raceAbort } from '../../lib/base/abort.ts';
import { backoffMillis } from '../../lib/base/backoff.ts';
import { pause, sleep, systemClock } from '../../lib/base/clock.ts';
import { MillraceError, isMillraceError, toMillraceError } from '../../lib/base/error.ts';
import { Notifier } from '../../lib/base/notifier.ts';
import { randomInteger, seededRandom, systemRandom } from '../../lib/base/random.ts';
import { once } from '../../lib/base/service.ts';
import { StateHolder } from '../../lib/base/state.ts';
import { escapeControl, nearestName } from '../../lib/base/text.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

describe('linkedController()', () => {
  it('aborts with the reason of whichever parent aborts', () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const linked = linkedController(first.signal, second.signal, undefined);
    second.abort('second');
    expect(linked.signal.reason).toBe('second');
  });

  it('leaves its parents alone once it is disposed', () => {
    const parent = new AbortController();
    const linked = linkedController(parent.signal);
    linked[Symbol.dispose]();
    parent.abort('late');
    expect(linked.signal.aborted).toBe(false);
  });
});

describe('deadlineController()', () => {
  it('aborts after its time, and never once it is disposed', async () => {
    const clock = new VirtualClock();
    const late = deadlineController(clock, 100, () => 'late');
    const done = deadlineController(clock, 100, () => 'late');
    done[Symbol.dispose]();
    await clock.advance(100);
    expect([late.signal.reason, done.signal.aborted]).toEqual(['late', false]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('raceAbort()', () => {
  it('gives the result of a promise that is faster than the signal', async () => {
    expect(await raceAbort(Promise.resolve(1), new AbortController().signal)).toBe(1);
  });

  it('rejects with the reason of the signal, and swallows what the promise says later', async () => {
    const controller = new AbortController();
    const slow = new Promise<never>((_, reject) => setImmediate(() => reject(new Error('too late'))));
    const outcome = raceAbort(slow, controller.signal);
    controller.abort(new Error('stop'));
    await expect(outcome).rejects.toThrow('stop');
    await new Promise(setImmediate);
  });
});

describe('sleep() and pause()', () => {
  it('end at their time on the clock', async () => {
    const clock = new VirtualClock();
    await clock.runUntil(sleep(clock, 250));
    expect(clock.monotonicMillis()).toBe(250);
  });

  it('end at once when the signal aborts: sleep rejects, pause answers false', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const [slept, paused] = [sleep(clock, 250, controller.signal), pause(clock, 250, controller.signal)];
    controller.abort(new Error('stop'));
    await expect(slept).rejects.toThrow('stop');
    expect(await paused).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('work on the real clock, which never goes backwards', async () => {
    const before = systemClock.monotonicMillis();
    await sleep(systemClock, 5);
    expect(systemClock.monotonicMillis()).toBeGreaterThan(before);
  });
});

describe('Notifier', () => {
  it('wakes those who wait now, and not those who come later', async () => {
    const notifier = new Notifier();
    const { signal } = new AbortController();
    let woken = 0;
    const first = notifier.wait(signal).then(() => (woken += 1));
    notifier.notify();
    await first;
    const controller = new AbortController();
    const second = notifier.wait(controller.signal).then(() => (woken += 1));
    await new Promise(setImmediate);
    expect(woken).toBe(1);
    controller.abort('stop');
    await second;
  });
});

describe('StateHolder', () => {
  it('tells every change and throws on an edge that is not listed', () => {
    const seen: string[] = [];
    const holder = new StateHolder<{ tag: 'a' | 'b' }>({ tag: 'a' }, { a: ['b'], b: [] }, (next, previous) =>
      seen.push(`${previous.tag}->${next.tag}`),
    );
    holder.become({ tag: 'b' });
    expect(() => holder.become({ tag: 'a' })).toThrow(/MR_INTERNAL.*b -> a/);
    expect([holder.current.tag, seen]).toEqual(['b', ['a->b']]);
  });
});

describe('once()', () => {
  it('runs the action once; all callers share the outcome', async () => {
    let runs = 0;
    const action = once(async (by: number) => {
      runs += by;
      return runs;
    });
    expect(await Promise.all([action(1), action(5)])).toEqual([1, 1]);
  });
});

describe('seededRandom()', () => {
  it('gives the same sequence for the same seed, within [0, 1)', () => {
    const [a, b] = [seededRandom(7), seededRandom(7)];
    for (let draw = 0; draw < 1_000; draw += 1) {
      const value = a.next();
      expect(value).toBe(b.next());
      expect(value >= 0 && value < 1).toBe(true);
    }
    expect(seededRandom(7).hex(9)).toBe(seededRandom(7).hex(9));
  });

  it('spreads whole numbers over their range, as the system one does', () => {
    for (const random of [seededRandom(3), systemRandom]) {
      const seen = new Set(Array.from({ length: 500 }, () => randomInteger(random, 5)));
      expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
      expect(random.hex(8)).toMatch(/^[0-9a-f]{8}$/);
    }
  });
});

describe('backoffMillis()', () => {
  it('doubles up to its cap, with a jitter of at most half', () => {
    const options = { baseMillis: 100, capMillis: 3_000 };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer(), (attempt, seed) => {
        const bound = Math.min(3_000, 100 * 2 ** (attempt - 1));
        const delay = backoffMillis(options, attempt, seededRandom(seed));
        expect(delay).toBeGreaterThanOrEqual(bound / 2);
        expect(delay).toBeLessThanOrEqual(bound);
      }),
    );
  });
});

describe('errors', () => {
  it('carry code, reaction, subject and cause', () => {
    const cause = new Error('down');
    const error = new MillraceError('MR_THROTTLED', 'slow down', { subject: { shard: 's' }, cause });
    expect(error).toMatchObject({ code: 'MR_THROTTLED', reaction: 'retry', subject: { shard: 's' }, cause });
    expect(error.message).toBe('MR_THROTTLED: slow down');
  });

  it('are recognised across two copies of the package, and by code', () => {
    const other = Object.assign(new Error('x'), { [Symbol.for('millrace.error')]: true, code: 'MR_ABORTED' });
    expect([
      isMillraceError(other),
      isMillraceError(other, 'MR_ABORTED'),
      isMillraceError(other, 'MR_INTERNAL'),
    ]).toEqual([true, true, false]);
    expect([isMillraceError(new Error('x')), isMillraceError(null), isMillraceError('MR_ABORTED')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('of others become MR_INTERNAL with their cause', () => {
    const thrown = new TypeError('no such function');
    expect(toMillraceError(thrown)).toMatchObject({ code: 'MR_INTERNAL', cause: thrown });
    expect(toMillraceError('text').message).toContain('text');
  });
});

describe('escapeControl()', () => {
  it('leaves nothing that could move a cursor, forge a line or turn the direction of text', () => {
    expect(escapeControl('a\u001b[2Jb\nc\u0085d\u202ee')).toBe('a\\x1b[2Jb\\x0ac\\x85d\\u202ee');
    expect(escapeControl('äöü 水 🙂')).toBe('äöü 水 🙂');
  });
});

describe('nearestName()', () => {
  it('finds a slip of the keyboard, and nothing far away', () => {
    const names = ['streamName', 'applicationName', 'maxRecords'];
    expect(nearestName('steamName', names)).toBe('streamName');
    expect(nearestName('maxrecord', names)).toBe('maxRecords');
    expect(nearestName('colour', names)).toBeUndefined();
  });
});
