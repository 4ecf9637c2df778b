import { describe, expect, it } from 'vitest';
import { processSource } from '../../../lib/lease/worker-metrics/process-source.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

describe('processSource', () => {
  const { signal } = new AbortController();

  it('tells what this process used of its processors since the last capture, 0 at first', async () => {
    const clock = new VirtualClock();
    let usedMicros = 7_000_000;
    const source = processSource({ usedMicros: () => usedMicros, processors: () => 2 }, clock);
    expect(source.kind).toBe('process');
    expect(await source.capture(signal)).toBe(0);
    await clock.advance(1_000);
    usedMicros += 500_000;
    expect(await source.capture(signal)).toBe(25);
    await clock.advance(2_000);
    expect(await source.capture(signal)).toBe(0);
    await clock.advance(1_000);
    usedMicros += 9_000_000;
    expect(await source.capture(signal)).toBe(100);
  });
});
