import { describe, expect, it } from 'vitest';
import { DemandGate } from '../../lib/receiver/demand-gate.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const never = new AbortController().signal;

/** How long the gate keeps a read waiting. */
async function waitOf(clock: VirtualClock, gate: DemandGate): Promise<number> {
  const before = clock.monotonicMillis();
  await clock.runUntil(gate.ready(never));
  return clock.monotonicMillis() - before;
}

describe('DemandGate', () => {
  it('is open without a limit', async () => {
    const clock = new VirtualClock();
    const gate = new DemandGate(clock);
    gate.took(1_000_000);
    expect(await waitOf(clock, gate)).toBe(0);
  });

  it('stays shut after a page until the rate has caught up with it', async () => {
    const clock = new VirtualClock();
    const gate = new DemandGate(clock);
    gate.limit({ recordsPerSecond: 100 });
    expect(await waitOf(clock, gate)).toBe(0);
    gate.took(350);
    expect(await waitOf(clock, gate)).toBe(3_500);
    gate.took(10);
    gate.took(40);
    expect(await waitOf(clock, gate)).toBe(500);
  });

  it('holds the rate over all shards together', async () => {
    const clock = new VirtualClock();
    const gate = new DemandGate(clock);
    gate.limit({ recordsPerSecond: 50 });
    let records = 0;
    const end = new AbortController();
    const shard = async () => {
      for (;;) {
        await gate.ready(end.signal);
        gate.took(10);
        records += 10;
      }
    };
    const shards = [shard(), shard(), shard()].map((one) => one.catch(() => {}));
    await clock.advance(60_000);
    end.abort(new Error('over'));
    await Promise.all(shards);
    expect(records).toBeGreaterThanOrEqual(3_000);
    // Each shard may have one page paid for late.
    expect(records).toBeLessThanOrEqual(3_030);
  });

  it('feels a raised limit within a second, and opens when there is none any more', async () => {
    const clock = new VirtualClock();
    const gate = new DemandGate(clock);
    gate.limit({ recordsPerSecond: 1 });
    gate.took(1_000);
    const waiting = gate.ready(never);
    await clock.advance(2_500);
    gate.limit({ recordsPerSecond: 1_000 });
    const before = clock.monotonicMillis();
    await clock.runUntil(waiting);
    expect(clock.monotonicMillis() - before).toBeLessThanOrEqual(1_000);
    gate.took(100_000);
    gate.limit({});
    expect(await waitOf(clock, gate)).toBe(0);
  });

  it('pauses reading at a demand of nothing, and goes on later', async () => {
    const clock = new VirtualClock();
    const gate = new DemandGate(clock);
    gate.limit({ recordsPerSecond: 0 });
    let open = false;
    const ready = gate.ready(never).then(() => (open = true));
    await clock.advance(600_000);
    expect(open).toBe(false);
    gate.limit({ recordsPerSecond: 10 });
    await clock.runUntil(ready, { atMostMillis: 1_000 });
  });

  it('rejects with the reason of the signal', async () => {
    const gate = new DemandGate(new VirtualClock());
    gate.limit({ recordsPerSecond: 0 });
    const end = new AbortController();
    const ready = gate.ready(end.signal);
    end.abort(new Error('over'));
    await expect(ready).rejects.toThrow('over');
  });
});
