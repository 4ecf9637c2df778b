import type { BenchTable } from './dispatch.ts';

/** The benchmarks of `npm run bench`. */
export const benches: BenchTable = {
  assignment: {
    summary: 'the plan by which a leader gives out leases, for a large fleet',
    load: async () => (await import('./assignment.ts')).assignmentBench,
  },
  read: {
    summary: 'reading by GetRecords and fan-out, against the SDK and lifion-kinesis',
    load: async () => (await import('./read.ts')).readBench,
  },
  receiver: {
    summary: 'a whole receiver, with leases and checkpoints, against its bare codec; memory with 100 shards behind',
    load: async () => (await import('./receiver.ts')).receiverBench,
  },
  monitor: {
    summary: 'what snapshot, alerts, metrics and the page take of a receiver',
    load: async () => (await import('./monitor.ts')).monitorBench,
  },
  snapshot: {
    summary: 'what a tick of the page takes of a worker with 1,000 shards',
    load: async () => (await import('./snapshot.ts')).snapshotBench,
  },
  kpl: {
    summary: 'taking the aggregates of the KPL apart, against aws-kinesis-agg',
    load: async () => (await import('./kpl.ts')).kplBench,
  },
  engine: {
    summary: 'batches of the engine, against loops by hand over the same buffers',
    load: async () => (await import('./engine.ts')).engineBench,
  },
  'exactly-once': {
    summary: 'batches that are committed, against ones that are acknowledged; recovery of a large state',
    load: async () => (await import('./exactly-once.ts')).exactlyOnceBench,
  },
};
