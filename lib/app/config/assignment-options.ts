import { decimalNumber, millis, onOff, text, wholeNumber, word } from './option-kinds.ts';
import { isTableName } from './identity-options.ts';

/** The largest `int` of Java: KCL's "without limit" for counts. */
const maximumInt = 2_147_483_647;

/** How the leader assigns leases and keeps their table; KCL's names and defaults (kcl.md 3). */
export const assignmentOptions = {
  leaseAssignmentStrategy: word(
    {
      brief: 'What leases are shared out by: the load of the workers, or the number of leases alone.',
      defaultText: 'WORKER_UTILIZATION_AWARE',
    },
    ['WORKER_UTILIZATION_AWARE', 'LEASE_COUNT_BASED'],
  ),
  maxLeasesForWorker: wholeNumber(
    { brief: 'No worker is given more leases than this; too low strands shards.', defaultText: '2147483647' },
    { least: 1, most: maximumInt, unit: 'leases' },
  ),
  maxThroughputPerHostKBps: decimalNumber(
    { brief: 'A worker whose shards bring more than this is given no further one, KB/s.', defaultText: 'no limit' },
    { above: 0, most: Number.MAX_VALUE, expects: 'a number of KB/s above 0' },
  ),
  dampeningPercentage: wholeNumber(
    { brief: 'Which part of its surplus a worker gives up in one balancing, percent.', defaultText: '60' },
    { least: 1, most: 100, unit: 'percent' },
  ),
  reBalanceThresholdPercentage: wholeNumber(
    { brief: 'How far from the average a worker is before leases move, percent of it.', defaultText: '10' },
    { least: 0, most: 100, unit: 'percent' },
  ),
  allowThroughputOvershoot: onOff({
    brief: 'Whether a surplus smaller than every lease still moves the smallest one.',
    defaultText: 'true',
  }),
  varianceBalancingFrequency: wholeNumber(
    { brief: 'The leader balances in every so many of its looks, its first one included.', defaultText: '3' },
    { least: 1, most: maximumInt, unit: 'looks' },
  ),
  workerMetricsEMAAlpha: decimalNumber(
    { brief: "Weight of the newer value in the moving average of a worker's load.", defaultText: '0.5' },
    { above: 0, most: 1, expects: 'a number above 0 and at most 1' },
  ),
  isGracefulLeaseHandoffEnabled: onOff({
    brief: 'Whether the old owner finishes a lease that moves; if not, it is cut off and its tail is repeated.',
    defaultText: 'true',
  }),
  gracefulLeaseHandoffTimeoutMillis: millis(
    { brief: 'How long the old owner has to finish a lease that moves, milliseconds.', defaultText: '30000' },
    1,
  ),
  disableWorkerMetrics: onOff({
    brief: 'Measures no CPU: the worker is judged by the throughput of its shards.',
    defaultText: 'false',
  }),
  noOfPersistedMetricsPerWorkerMetrics: wholeNumber(
    { brief: "How many averages of its load a worker's row keeps.", defaultText: '10' },
    { least: 1, most: 1_000, unit: 'averages' },
  ),
  cleanupLeasesUponShardCompletion: onOff({
    brief: 'Whether the leases of shards that were read to their end are deleted.',
    defaultText: 'true',
  }),
  shardSyncIntervalMillis: millis(
    { brief: 'How often the leader compares leases and shards, milliseconds.', defaultText: '60000' },
    1_000,
  ),
  coordinationTables: word(
    {
      brief: 'Where the rows are that are no leases: in the lease table (single), in those of KCL 3.0 to 3.4 (legacy).',
      defaultText: 'auto, as the tables that exist say',
    },
    ['auto', 'single', 'legacy'],
  ),
  coordinatorStateTableName: text(
    {
      brief: "KCL 3.0 to 3.4's table of the leader's lock.",
      defaultText: 'the application name and -CoordinatorState',
      expects: '3 to 255 letters, digits, dots, dashes or underscores',
    },
    isTableName,
  ),
  workerMetricsTableName: text(
    {
      brief: "KCL 3.0 to 3.4's table of the workers' metrics.",
      defaultText: 'the application name and -WorkerMetricStats',
      expects: '3 to 255 letters, digits, dots, dashes or underscores',
    },
    isTableName,
  ),
};
