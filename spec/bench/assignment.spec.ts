import { describe, expect, it } from 'vitest';
import { benchAssignment, runAssignmentBench } from '../../bench/assignment.ts';

describe('the bench of assignment', () => {
  it('gives the same moves each time, and says how many', () => {
    const first = benchAssignment({ leases: 200, workers: 10, rounds: 1 });
    const second = benchAssignment({ leases: 200, workers: 10, rounds: 2 });
    expect(first).toMatchObject({ leases: 200, workers: 10, checksum: second.checksum });
    // One lease in twenty is at SHARD_END and stays where it is.
    expect(first.situations['start']?.moves).toBe(190);
    expect(first.situations['failure']?.moves).toBeGreaterThan(20);
    expect(first.situations['balance']?.moves).toBeGreaterThan(0);
    expect(first.medianMillis).toBeGreaterThan(0);
  });

  it('prints one line of JSON when asked', () => {
    const text = runAssignmentBench(['--leases', '50', '--workers', '5', '--rounds', '1', '--json']);
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(text)).toMatchObject({ leases: 50, workers: 5, medianMillis: expect.any(Number) });
    expect(runAssignmentBench(['--leases', '50', '--workers', '5', '--rounds', '1'])).toContain('50 leases, 5 workers');
  });

  it('refuses a size that is none', () => {
    expect(() => runAssignmentBench(['--leases', '0'])).toThrow('--leases 0: give a whole number from 1');
  });

  it('plans for 10,000 leases and 500 workers within five times the budget of 100 ms', () => {
    expect(benchAssignment({ leases: 10_000, workers: 500, rounds: 3 }).medianMillis).toBeLessThan(500);
  });
});
