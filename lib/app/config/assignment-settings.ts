import type { ConsumerValues } from './option-list.ts';

/** The settings of assignment, with KCL's defaults (kcl.md 3) for what was not given. */
export function assignmentSettings(values: ConsumerValues, applicationName: string) {
  return {
    leaseAssignmentStrategy: values.leaseAssignmentStrategy ?? 'WORKER_UTILIZATION_AWARE',
    maxLeasesForWorker: values.maxLeasesForWorker ?? 2_147_483_647,
    maxThroughputPerHostKBps: values.maxThroughputPerHostKBps ?? Number.MAX_VALUE,
    dampeningPercentage: values.dampeningPercentage ?? 60,
    reBalanceThresholdPercentage: values.reBalanceThresholdPercentage ?? 10,
    allowThroughputOvershoot: values.allowThroughputOvershoot ?? true,
    varianceBalancingFrequency: values.varianceBalancingFrequency ?? 3,
    workerMetricsEMAAlpha: values.workerMetricsEMAAlpha ?? 0.5,
    isGracefulLeaseHandoffEnabled: values.isGracefulLeaseHandoffEnabled ?? true,
    gracefulLeaseHandoffTimeoutMillis: values.gracefulLeaseHandoffTimeoutMillis ?? 30_000,
    disableWorkerMetrics: values.disableWorkerMetrics ?? false,
    noOfPersistedMetricsPerWorkerMetrics: values.noOfPersistedMetricsPerWorkerMetrics ?? 10,
    cleanupLeasesUponShardCompletion: values.cleanupLeasesUponShardCompletion ?? true,
    shardSyncIntervalMillis: values.shardSyncIntervalMillis ?? 60_000,
    coordinationTables: values.coordinationTables ?? 'auto',
    ...legacyTableNames(values, applicationName),
  } as const;
}

/** KCL 3.0 to 3.4: the tables are named for the application, whatever the lease table is called. */
export function legacyTableNames(values: ConsumerValues, applicationName: string) {
  return {
    coordinatorStateTableName: values.coordinatorStateTableName ?? `${applicationName}-CoordinatorState`,
    workerMetricsTableName: values.workerMetricsTableName ?? `${applicationName}-WorkerMetricStats`,
  };
}
