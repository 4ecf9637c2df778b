import { describe, expect, it } from 'vitest';
import { randomInteger, seededRandom } from '../../lib/base/random.ts';
import { planLeaseCountBased } from '../../lib/lease/plan/lease-count-plan.ts';
import { planByUtilization } from '../../lib/lease/plan/utilization-plan.ts';
import type { AssignmentPlan } from '../../lib/lease/plan/utilization-types.ts';
import { Fleet, type FleetWorker, failoverTimeMillis as F, openShards } from './fleet.ts';
import { limitOfRuns, runs } from '../support/runs.ts';

const seeds = Array.from({ length: runs(5) }, (_, index) => index + 1);
const plans: readonly (readonly [string, AssignmentPlan])[] = [
  ['lease count', planLeaseCountBased],
  ['utilization', planByUtilization],
];

/** A fleet at rest: all leases held, every worker with its share, each having seen the others. */
async function rested(shards: number, names: readonly string[], plan: AssignmentPlan, seed: number): Promise<Fleet> {
  const fleet = new Fleet({ shards: openShards(shards), plan });
  fleet.slow(40, seed);
  for (const name of names) fleet.start(name);
  await fleet.until(() => isEven(fleet, names.length), 12 * F);
  await fleet.advance(F + randomInteger(seededRandom(seed), F));
  return fleet;
}

/** Whether everything is held, and no worker is more than a tenth (and one lease) off its share. */
function isEven(fleet: Fleet, workers: number): boolean {
  const share = fleet.leaseKeys.length / workers;
  const counts = Object.values(fleet.shares);
  const slack = Math.max(1, share / 10);
  return fleet.allHeld && counts.length === workers && counts.every((count) => Math.abs(count - share) <= slack);
}

const follower = (fleet: Fleet): FleetWorker => fleet.workers.find((worker) => worker !== fleet.leader)!;

describe('a second worker that joins the owner of 100 shards', () => {
  // By utilization each of three rounds waits for reports that can tell of the one before.
  it.each([
    ['lease count', planLeaseCountBased, 30_000],
    ['utilization', planByUtilization, 45_000],
  ] as const)(
    'by %s is given its share soon, by at most 60 moves, and nothing is repeated',
    async (_, plan, atMostMillis) => {
      for (const seed of seeds.slice(0, 2)) {
        const fleet = await rested(100, ['a'], plan, seed);
        fleet.start('b');
        const took = await fleet.until(() => isEven(fleet, 2), 120_000);
        expect(took, `seed ${seed}`).toBeLessThanOrEqual(atMostMillis);
        // Nor does it go on moving.
        await fleet.advance(60_000);
        expect(fleet.handoffs.length, `seed ${seed}`).toBeLessThanOrEqual(60);
        expect(isEven(fleet, 2)).toBe(true);
        expect(fleet.repeated).toEqual([]);
        expect(Math.max(...fleet.pausesMillis)).toBeLessThan(2_000);
        for (const worker of fleet.workers) expect(worker.lost).toEqual([]);
      }
    },
    limitOfRuns(120_000),
  );
});

describe('a worker that is killed', () => {
  it.each(plans)(
    'by %s is followed within F + 3 s',
    async (_, plan) => {
      const took: number[] = [];
      for (const seed of seeds) {
        const fleet = await rested(12, ['a', 'b', 'c'], plan, seed);
        follower(fleet).kill();
        took.push(await fleet.until(() => fleet.allHeld, 4 * F));
      }
      expect(Math.max(...took)).toBeLessThanOrEqual(F + 3_000);
    },
    limitOfRuns(120_000),
  );

  it.each(plans)(
    'by %s while it led is followed within 2 F + 2 s',
    async (_, plan) => {
      const took: number[] = [];
      for (const seed of seeds) {
        const fleet = await rested(12, ['a', 'b', 'c'], plan, seed);
        fleet.leader!.kill();
        took.push(await fleet.until(() => fleet.allHeld, 4 * F));
      }
      expect(Math.max(...took)).toBeLessThanOrEqual(2 * F + 2_000);
    },
    limitOfRuns(120_000),
  );
});

describe('a worker that stops cleanly', () => {
  it.each(plans)(
    'by %s leaves each shard unread for less than 2 s, and repeats nothing, leader or not',
    async (_, plan) => {
      for (const seed of seeds) {
        for (const who of ['leader', 'follower'] as const) {
          const fleet = await rested(12, ['a', 'b', 'c'], plan, seed);
          const before = fleet.readings.length;
          const leaver = who === 'leader' ? fleet.leader! : follower(fleet);
          void leaver.stop();
          await fleet.until(() => leaver.state === 'stopped' && fleet.allHeld, 2 * F);
          expect(fleet.readings.length).toBeGreaterThan(before);
          expect(Math.max(...fleet.pausesMillis), `seed ${seed}, ${who}`).toBeLessThan(2_000);
          expect(fleet.repeated).toEqual([]);
          for (const worker of fleet.workers) expect(worker.lost).toEqual([]);
          // Somebody leads soon after, and the fleet evens out.
          await fleet.until(() => fleet.leader?.state === 'running', 2_000);
          await fleet.until(() => isEven(fleet, 2), 60_000);
          expect(fleet.repeated).toEqual([]);
        }
      }
    },
    limitOfRuns(120_000),
  );
});

describe('a rolling restart of ten workers', () => {
  it.each(plans)(
    'by %s repeats nothing and leaves no shard unread for 2 s',
    async (_, plan) => {
      for (const seed of seeds.slice(0, 2)) {
        const names = Array.from({ length: 10 }, (__, index) => `w${index}`);
        const fleet = await rested(40, names, plan, seed);
        for (const name of names) {
          const leaver = fleet.workers.findLast((worker) => worker.name === name)!;
          void leaver.stop();
          await fleet.until(() => leaver.state === 'stopped', F);
          fleet.start(`${name}-next`);
          await fleet.advance(5_000 + 1_000 * seed);
        }
        await fleet.until(() => isEven(fleet, 10), 120_000);
        expect(fleet.repeated).toEqual([]);
        expect(Math.max(...fleet.pausesMillis)).toBeLessThan(3_000);
        for (const worker of fleet.workers) expect(worker.lost).toEqual([]);
      }
    },
    limitOfRuns(120_000),
  );
});
