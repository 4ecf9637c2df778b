import { describe, expect, it } from 'vitest';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { ServiceTime } from '../../lib/kinesis/service-time.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const start = Date.UTC(2026, 5, 1);

function setup(startWallMillis = start) {
  const clock = new VirtualClock({ startWallMillis });
  const events: MillraceEvent[] = [];
  const time = new ServiceTime(clock, { publish: (event) => events.push(event) });
  /** An answer of a service whose clock is right. */
  const answer = (lateMillis = 0) => time.observe(new Date(start + clock.monotonicMillis() - lateMillis).toUTCString());
  return { clock, events, time, answer };
}

describe('ServiceTime', () => {
  it("is this machine's clock before the first answer, and unmoved by what is not a date", () => {
    const { time } = setup(start + 5_000);
    time.observe(undefined);
    time.observe('yesterday');
    expect(time.nowMillis()).toBe(start + 5_000);
  });

  it('goes on by the monotonic clock, whatever the wall clock does', async () => {
    const { clock, time, answer } = setup();
    answer();
    await clock.advance(3_000);
    clock.jumpWall(-86_400_000);
    expect(time.nowMillis()).toBe(start + 3_000);
  });

  it('keeps the best of answers that came late, and is never ahead of the service', async () => {
    const { clock, time, answer } = setup();
    for (const late of [700, 100, 900, 400]) {
      await clock.advance(10_300);
      answer(late);
      expect(time.nowMillis()).toBeLessThanOrEqual(start + clock.monotonicMillis());
    }
    expect(start + clock.monotonicMillis() - time.nowMillis()).toBeLessThan(1_000);
  });

  it('follows a service whose clock was set back', async () => {
    const { clock, time, answer } = setup();
    answer();
    await clock.advance(1_000);
    answer(60_000);
    expect(time.nowMillis()).toBe(start + clock.monotonicMillis() - 60_000);
  });

  it('tells a clock that is a day off once, and again when it changes', async () => {
    const { clock, events, answer } = setup(start + 86_400_000);
    for (let count = 0; count < 5; count += 1) {
      answer();
      await clock.advance(1_000);
    }
    expect(events).toEqual([{ type: 'clock.skewed', skewMillis: 86_400_000 }]);
    clock.jumpWall(-86_400_000);
    answer();
    expect(events).toHaveLength(1);
    clock.jumpWall(-3_600_000);
    answer();
    expect(events.at(-1)).toEqual({ type: 'clock.skewed', skewMillis: -3_600_000 });
  });

  it('says nothing of a clock that is 9 s off', () => {
    const { events, answer } = setup(start - 9_000);
    answer();
    expect(events).toEqual([]);
  });
});
