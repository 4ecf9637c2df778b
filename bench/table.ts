import type { BenchTable } from './dispatch.ts';

/** The benchmarks of `npm run bench`. */
export const benches: BenchTable = {
  assignment: {
    summary: 'the plan by which a leader gives out leases, for a large fleet',
    load: async () => (await import('./assignment.ts')).assignmentBench,
  },
};
