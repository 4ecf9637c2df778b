import { describe, expect, it } from 'vitest';
import { type AssignmentBenchOptions, benchAssignment } from '../../bench/assignment.ts';

const small: AssignmentBenchOptions = { leases: 200, workers: 10, rounds: 1, strategy: 'WORKER_UTILIZATION_AWARE' };

describe('the bench of assignment', () => {
  it('gives the same moves each time, and says how many', () => {
    const first = benchAssignment(small);
    const second = benchAssignment({ ...small, rounds: 2 });
    expect(first).toMatchObject({ leases: 200, workers: 10, checksum: second.checksum });
    // One lease in twenty is at SHARD_END and stays where it is.
    expect(first.situations.start.moves).toBe(190);
    expect(first.situations.failure.moves).toBeGreaterThan(20);
    expect(first.situations.balance.moves).toBeGreaterThan(0);
    expect(first.medianMillis).toBeGreaterThan(0);
  });

  it('tells the median of the slowest situation', () => {
    const { medianMillis, situations } = benchAssignment({ ...small, rounds: 3 });
    const medians = Object.values(situations).map((figures) => figures.medianMillis);
    expect(medians).toHaveLength(3);
    expect(medianMillis).toBe(Math.max(...medians));
    for (const figures of Object.values(situations)) {
      expect(figures.fastestMillis).toBeLessThanOrEqual(figures.medianMillis);
      expect(figures.medianMillis).toBeLessThanOrEqual(figures.slowestMillis);
    }
  });

  it('measures the other strategy too, which makes other moves', () => {
    const counted = benchAssignment({ ...small, strategy: 'LEASE_COUNT_BASED' });
    expect(counted.situations.start.moves).toBe(190);
    expect(counted.checksum).not.toBe(benchAssignment(small).checksum);
  });

  it.each(['WORKER_UTILIZATION_AWARE', 'LEASE_COUNT_BASED'] as const)(
    'plans for 10,000 leases and 500 workers within five times the budget of 100 ms: %s',
    { timeout: 60_000 },
    (strategy) => {
      const size = { leases: 10_000, workers: 500, rounds: 3 };
      expect(benchAssignment({ ...size, strategy }).medianMillis).toBeLessThan(500);
    },
  );
});
