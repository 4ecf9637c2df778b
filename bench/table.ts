import type { BenchTable } from './dispatch.ts';

/** The benchmarks of `npm run bench`. */
export const benches: BenchTable = {
  assignment: {
    summary: 'the plan by which a leader gives out leases, for a large fleet',
    load: async () => (await import('./assignment.ts')).assignmentBench,
  },
  read: {
    summary: 'reading by GetRecords, by our codecs against the SDK',
    load: async () => (await import('./read.ts')).readBench,
  },
  kpl: {
    summary: 'taking the aggregates of the KPL apart, against aws-kinesis-agg',
    load: async () => (await import('./kpl.ts')).kplBench,
  },
  engine: {
    summary: 'batches of the engine, against loops by hand over the same buffers',
    load: async () => (await import('./engine.ts')).engineBench,
  },
};
