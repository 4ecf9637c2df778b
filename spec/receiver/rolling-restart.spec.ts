import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Block } from '../../lib/block/block.ts';
import { chooseAssignmentPlan } from '../../lib/lease/plan/assignment-plan.ts';
import { Fleet, type Worker, type WorkerOptions, wait } from './fleet.ts';
import { historyFaults } from './history.ts';
import { limitOfRuns, runs } from '../support/runs.ts';

const names = ['a', 'b', 'c'];
const settleMillis = 30_000;

/** Puts records into every shard, a few times a second, while time passes. */
async function load(fleet: Fleet, millis: number): Promise<void> {
  for (let passed = 0; passed < millis; passed += 250) {
    for (const { shardId } of fleet.kinesis.openShards) fleet.put(1, shardId);
    await fleet.clock.advance(250);
  }
}

/** How often each lease has begun a tenure so far, over all workers that ever were. */
function tenuresOf(fleet: Fleet): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { leaseKey } of fleet.workers.flatMap((worker) => worker.eventsOf('lease.gained'))) {
    counts.set(leaseKey, (counts.get(leaseKey) ?? 0) + 1);
  }
  return counts;
}

/** Restarts each worker in turn, under load; answers with the most moves that any lease made in one restart. */
async function roll(fleet: Fleet, options: WorkerOptions, pauseMillis: number): Promise<number> {
  const running = new Map<string, Worker>();
  for (const name of names) running.set(name, fleet.start(name, options));
  await load(fleet, settleMillis);
  let most = 0;
  for (const name of names) {
    const before = tenuresOf(fleet);
    const drained = running.get(name)?.drain() ?? Promise.resolve();
    await load(fleet, 3_000);
    await fleet.clock.runUntil(drained);
    await load(fleet, pauseMillis);
    running.set(name, fleet.start(name, options));
    await load(fleet, settleMillis);
    for (const [leaseKey, count] of tenuresOf(fleet)) most = Math.max(most, count - (before.get(leaseKey) ?? 0));
  }
  await fleet.clock.runUntil(() => fleet.allDelivered && fleet.isCheckpointed, { atMostMillis: 60_000 });
  return most;
}

describe('a rolling restart of three workers with stable identifiers, under load', () => {
  it.each([
    ['LEASE_COUNT_BASED', 0],
    ['LEASE_COUNT_BASED', 8_000],
    ['WORKER_UTILIZATION_AWARE', 0],
    ['WORKER_UTILIZATION_AWARE', 8_000],
  ] as const)(
    'repeats nothing and moves each lease at most twice per restart: %s, %i ms between stop and start',
    async (strategy, pauseMillis) => {
      const fleet = new Fleet({ shardCount: 9 });
      const handle = (_: Block, worker: Worker) => wait(worker, 120);
      const most = await roll(fleet, { handle, plan: chooseAssignmentPlan(strategy) }, pauseMillis);
      expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
      expect(historyFaults(fleet)).toEqual([]);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(2);
      expect(
        fleet.workers.flatMap((worker) => worker.eventsOf('lease.lost').filter(({ reason }) => reason !== 'released')),
      ).toEqual([]);
    },
  );
});

describe('a handoff under load', () => {
  it(
    'repeats nothing, whenever workers join and however slow their handlers are',
    async () => {
      const joins = fc.array(fc.record({ afterMillis: fc.nat(12_000), handlerMillis: fc.nat(3_000) }), {
        minLength: 1,
        maxLength: 3,
      });
      await fc.assert(
        fc.asyncProperty(joins, fc.integer({ min: 1, max: 8 }), async (workers, shardCount) => {
          const fleet = new Fleet({ shardCount });
          // A handoff waits 30 s for what is out: eight blocks of 3 s each are within that, and more would be cut off.
          const slow = (millis: number) => ({
            handle: (_: Block, worker: Worker) => wait(worker, millis),
            maxUnackedBlocks: 8,
          });
          fleet.start('first', slow(500));
          for (const [index, { afterMillis, handlerMillis }] of workers.entries()) {
            await load(fleet, afterMillis);
            fleet.start(`joined ${index}`, slow(handlerMillis));
          }
          await load(fleet, 20_000);
          await fleet.clock.runUntil(() => fleet.allDelivered && fleet.isCheckpointed, { atMostMillis: 1_200_000 });
          expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
          expect(historyFaults(fleet)).toEqual([]);
        }),
        {
          numRuns: runs(5),
          // Found by chance while 64 blocks were allowed.
          examples: [
            [
              [
                { afterMillis: 9_745, handlerMillis: 2_799 },
                { afterMillis: 9_532, handlerMillis: 2_074 },
                { afterMillis: 10_451, handlerMillis: 1_383 },
              ],
              8,
            ],
          ],
        },
      );
    },
    limitOfRuns(120_000),
  );
});
