import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetModel, type ModelLease, type ModelWorker } from './utilization-model.ts';
import { runs } from '../../support/runs.ts';

function leasesOf(owner: string | undefined, throughputs: readonly number[]): ModelLease[] {
  return throughputs.map((throughputKBps, index) => ({
    key: `shard-${String(index).padStart(4, '0')}`,
    throughputKBps,
    owner,
  }));
}

const hundred = Array.from({ length: 100 }, (_, index) => 50 + ((index * 37) % 100));

describe('a second worker that joins the owner of 100 shards', () => {
  const measuring: ModelWorker[] = [
    { name: 'a', basePercent: 2, percentPerKBps: 0.008 },
    { name: 'b', basePercent: 2, percentPerKBps: 0.008 },
  ];
  const unmeasured: ModelWorker[] = [{ name: 'a' }, { name: 'b' }];

  it.each([
    { what: 'CPU', workers: measuring },
    { what: 'throughput', workers: unmeasured },
  ])('has its share by $what within 30 s and 60 moves, and then keeps it', ({ workers }) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const [a, b] = workers as [ModelWorker, ModelWorker];
      const fleet = new FleetModel(leasesOf('a', hundred), [a], { seed });
      expect(fleet.run(60)).toEqual([]);
      fleet.workers.push(b);
      const moves = fleet.run(30);
      expect(moves.length).toBeLessThanOrEqual(60);
      expect(moves.every((move) => move.from === 'a' && move.to === 'b')).toBe(true);
      const carried = (name: string) =>
        fleet.leases.filter(({ owner }) => owner === name).reduce((sum, lease) => sum + lease.throughputKBps, 0);
      expect(carried('b') / carried('a')).toBeGreaterThan(0.75);
      expect(carried('b') / carried('a')).toBeLessThan(1.25);
      expect(fleet.run(60).length + moves.length).toBeLessThanOrEqual(60);
      expect(fleet.run(300)).toEqual([]);
    }
  });

  it('would be flooded, and everything come back, if moves were not remembered', () => {
    const [a, b] = measuring as [ModelWorker, ModelWorker];
    const fleet = new FleetModel(leasesOf('a', hundred), [a], { remembersMoves: false });
    fleet.run(60);
    fleet.workers.push(b);
    const moves = fleet.run(120);
    expect(moves.length).toBeGreaterThan(60);
    expect(moves.some((move) => move.to === 'a')).toBe(true);
  });
});

describe('a fleet whose load is as even as it is noisy', () => {
  const workers = Array.from({ length: 5 }, (_, index) => ({
    name: `w${index}`,
    basePercent: 2,
    percentPerKBps: 0.008,
    reportPhase: index,
  }));
  const leases = () => {
    const even = leasesOf('w0', [...hundred, ...hundred]);
    for (const [index, lease] of even.entries()) lease.owner = `w${index % 5}`;
    return even;
  };

  it.each([
    { noisePercent: 20, atMost: 0 },
    { noisePercent: 40, atMost: 20 },
  ])('moves at most $atMost leases in half an hour with $noisePercent percent of noise', ({ noisePercent, atMost }) => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const fleet = new FleetModel(leases(), workers, { seed, noisePercent });
      // What is uneven at first may be evened out.
      fleet.run(300);
      expect(fleet.run(1_800).length).toBeLessThanOrEqual(atMost);
    }
  });
});

describe('a fleet left to itself', () => {
  const throughputs = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 60 });
  const owners = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 60, maxLength: 60 });
  const bases = fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 6 });

  it.each([
    { what: 'in a fleet of equal workers', slowest: 1 },
    { what: 'in a fleet of unequal workers', slowest: 3 },
  ])('comes to rest $what', ({ slowest }) => {
    fc.assert(
      fc.property(throughputs, owners, bases, fc.boolean(), (loads, ownedBy, atRest, measures) => {
        const workers = atRest.map((basePercent, index) => ({
          name: `w${index}`,
          ...(measures || index % 2 === 0
            ? { basePercent, percentPerKBps: (1 + (index % 2) * (slowest - 1)) / 100 }
            : {}),
        }));
        const leases = leasesOf(undefined, loads);
        for (const [index, lease] of leases.entries()) lease.owner = workers[ownedBy[index] as number]?.name;
        const fleet = new FleetModel(leases, workers);
        fleet.run(600);
        expect(leases.every(({ owner }) => owner !== undefined)).toBe(true);
        expect(fleet.run(120)).toEqual([]);
      }),
      { numRuns: runs(15), seed: 1 },
    );
  });
});
