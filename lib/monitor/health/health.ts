import type { Snapshot } from '../snapshot/snapshot.ts';

/** An answer to a probe. */
export interface HealthAnswer {
  readonly ok: boolean;
  /** Why not, as words of the list below; empty when all is well. */
  readonly reasons: readonly HealthReason[];
}

/** Why a process is not live or not ready. */
export type HealthReason =
  | 'starting'
  | 'noLease'
  | 'standby'
  | 'draining'
  | 'stopped'
  | 'restarting'
  | 'batchStuck'
  | 'stalled';

/**
 * Whether the process should be left alone: only a run that is over, or a shard whose work stands still although the
 * process answers, is a reason to kill it. A process without leases is live, as is one that waits behind another.
 */
export function liveness({ application }: Snapshot): HealthAnswer {
  return answer(application.status === 'stopped' ? ['stopped'] : []);
}

/**
 * Whether the process does its work: it has a lease or computes, is not being ended, and no records are stuck. A standby
 * is not ready, and need not be: nothing sends requests to it.
 */
export function readiness(snapshot: Snapshot): HealthAnswer {
  const { application, receivers, shards, batches } = snapshot;
  const reasons: HealthReason[] = [];
  if (application.status !== 'running') reasons.push(application.status);
  const isHolding = shards.some(({ owner }) => owner !== null);
  if (application.status === 'running' && receivers.length > 0 && !isHolding) reasons.push('noLease');
  if (receivers.some(({ status }) => status === 'RESTARTING')) reasons.push('restarting');
  const isStuck = shards.some(({ stuck }) => stuck !== null) || batches.active.some(isFailingBatch);
  if (isStuck) reasons.push('batchStuck');
  return answer(reasons);
}

function isFailingBatch({ attempts, error }: Snapshot['batches']['active'][number]): boolean {
  return attempts >= 3 && error !== null;
}

function answer(reasons: readonly HealthReason[]): HealthAnswer {
  return { ok: reasons.length === 0, reasons };
}

/** What an autoscaler may go by. */
export interface ScalingSignal {
  /** The lag of the shard that is furthest behind, milliseconds; `null` before the first read. */
  readonly maxMillisBehindLatest: number | null;
  /** Processing time over batch interval, the mean of the kept batches: above 1 the engine cannot keep up. `null` without engine. */
  readonly engineUtilization: number | null;
  readonly shards: number;
  readonly otherWorkers: number;
  /** More workers than shards of the stream are of no use; `true` when this worker has at most one shard. */
  readonly isAtMostOneShard: boolean;
}

/** The figures for an autoscaler, of this process. */
export function scalingSignal({ application, shards, batches }: Snapshot): ScalingSignal {
  const held = shards.filter(({ owner }) => owner !== null);
  const lags = held.flatMap(({ millisBehindLatest }) => (millisBehindLatest === null ? [] : [millisBehindLatest]));
  const interval = application.batchIntervalMillis;
  const mean = batches.statistics?.processingTime.mean;
  return {
    maxMillisBehindLatest: lags.length === 0 ? null : lags.reduce((most, lag) => Math.max(most, lag), 0),
    engineUtilization: interval === null || mean === undefined ? null : mean / interval,
    shards: held.length,
    otherWorkers: application.otherWorkers.length,
    isAtMostOneShard: held.length <= 1,
  };
}
