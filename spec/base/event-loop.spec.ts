import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { systemEventLoopMeter } from '../../lib/base/event-loop.ts';

describe('systemEventLoopMeter', () => {
  it('measures from call to call', () => {
    const readings = [
      { idle: 100, active: 100, utilization: 0.5 },
      { idle: 100, active: 200, utilization: 2 / 3 },
      { idle: 300, active: 200, utilization: 0.4 },
    ];
    let index = -1;
    const meter = systemEventLoopMeter((now, last) => {
      if (now === undefined || last === undefined) return readings[(index += 1)]!;
      const [idle, active] = [now.idle - last.idle, now.active - last.active];
      return { idle, active, utilization: active / (idle + active) };
    });
    expect(meter.utilization()).toBe(1);
    expect(meter.utilization()).toBe(0);
  });

  it('is 0 when no time has passed', () => {
    const meter = systemEventLoopMeter(() => ({ idle: 0, active: 0, utilization: Number.NaN }));
    expect(meter.utilization()).toBe(0);
  });

  it('sees the loop of this thread at work', async () => {
    const meter = systemEventLoopMeter();
    await new Promise((resolve) => setTimeout(resolve, 5));
    meter.utilization();
    const until = systemClock.monotonicMillis() + 30;
    while (systemClock.monotonicMillis() < until);
    expect(meter.utilization()).toBeGreaterThan(0.5);
  });
});
