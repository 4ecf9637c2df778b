import type { MillraceEvent } from '../event/event.ts';
import type { AlertView, ReceiverView, ShardView, Snapshot } from './snapshot/snapshot.ts';

/** From where on something is an alert. `docs/health.md` describes each; 0 switches one off. */
export interface AlertThresholds {
  /** Total delay of the last batch, or age of the oldest that is not done, milliseconds: 5 batch intervals, at least 10,000. */
  readonly totalDelayMillis?: number | undefined;
  /** Faults of a receiver within five minutes: 10. A restart is an alert by itself. */
  readonly receiverErrors?: number | undefined;
  /** How far a shard may be behind its tip, part of the stream's retention: 0.5. */
  readonly iteratorAgePartOfRetention?: number | undefined;
  /** Tries of the same records: 3. */
  readonly stuckAttempts?: number | undefined;
  /** How old the checkpoint of a shard with unfinished records may be, milliseconds: 600,000. */
  readonly staleCheckpointMillis?: number | undefined;
  /** Leases lost against this worker's will within ten minutes: 10. */
  readonly leaseChurn?: number | undefined;
  /** Other workers that there should be, as the leader sees it: 0, off, since one worker may be all that is wanted. */
  readonly standbyWorkers?: number | undefined;
}

/** The thresholds that hold when the options do not say. */
export const defaultAlertThresholds = {
  receiverErrors: 10,
  iteratorAgePartOfRetention: 0.5,
  stuckAttempts: 3,
  staleCheckpointMillis: 600_000,
  leaseChurn: 10,
  standbyWorkers: 0,
} as const;

/** Losses of leases are counted over this time, milliseconds. */
export const churnWindowMillis = 600_000;

/** Kinesis keeps records for a day unless a stream says otherwise. */
const defaultRetentionMillis = 86_400_000;

/** An alert that should stand now. */
export type Alert = Omit<AlertView, 'sinceMillis'>;

/** Which alerts should stand, given what is known now. */
export function alertsOf(snapshot: Snapshot, thresholds: AlertThresholds = {}): Alert[] {
  const given = Object.fromEntries(Object.entries(thresholds).filter(([, value]) => value !== undefined));
  const limits: Limits = { ...defaultAlertThresholds, ...given };
  return [
    ...delayAlerts(snapshot, limits),
    ...snapshot.receivers.flatMap((receiver) => receiverAlerts(receiver, limits)),
    ...snapshot.shards.flatMap((shard) => shardAlerts(shard, snapshot, limits)),
    ...stuckBatchAlerts(snapshot, limits),
    ...churnAlerts(snapshot, limits),
    ...standbyAlerts(snapshot, limits),
  ];
}

/** The events between the alerts that stand and those that should. An alert that stands is not told again. */
export function alertChanges(standing: readonly Alert[], wanted: readonly Alert[]): MillraceEvent[] {
  const has = (alerts: readonly Alert[], { alert, subject }: Alert) =>
    alerts.some((other) => other.alert === alert && other.subject === subject);
  const raised = wanted.filter((one) => !has(standing, one));
  const cleared = standing.filter((one) => !has(wanted, one));
  return [
    ...cleared.map(({ alert, subject }) => ({ type: 'alert.cleared', alert, subject }) as const),
    ...raised.map(({ alert, subject, message, value, threshold }) => {
      return { type: 'alert.raised', alert, subject, message, value, threshold } as const;
    }),
  ];
}

type Limits = Required<Omit<{ [K in keyof AlertThresholds]: number }, 'totalDelayMillis'>> & {
  readonly totalDelayMillis?: number;
};

function delayAlerts({ application, batches, takenAtMillis }: Snapshot, limits: Limits): Alert[] {
  const threshold = limits.totalDelayMillis ?? Math.max(10_000, 5 * (application.batchIntervalMillis ?? 0));
  const ages = batches.active.map(({ batchTimeMillis }) => takenAtMillis - batchTimeMillis);
  const last = batches.completed.find(({ status }) => status === 'COMPLETED')?.totalDelayMillis ?? 0;
  const value = ages.reduce((most, age) => Math.max(most, age), last);
  if (threshold === 0 || value < threshold) return [];
  return [{ alert: 'totalDelay', subject: '', value, threshold, message: `batches are ${value} ms late` }];
}

function receiverAlerts({ name, status, recentErrors, lastError }: ReceiverView, limits: Limits): Alert[] {
  const { receiverErrors: threshold } = limits;
  if (threshold === 0 || (status !== 'RESTARTING' && recentErrors < threshold)) return [];
  const what = status === 'RESTARTING' ? 'is being restarted' : `has met ${recentErrors} faults in five minutes`;
  const message = `${name} ${what}${lastError === null ? '' : `, the last one: ${lastError.message}`}`;
  return [{ alert: 'receiverErrors', subject: name, value: recentErrors, threshold, message }];
}

function shardAlerts(shard: ShardView, { receivers, takenAtMillis }: Snapshot, limits: Limits): Alert[] {
  if (shard.owner === null) return [];
  const subject = `${shard.streamName}:${shard.shardId}`;
  const alerts: Alert[] = [];
  const receiver = receivers.find(({ receiverId }) => receiverId === shard.receiverId);
  const maxAge = limits.iteratorAgePartOfRetention * (receiver?.retentionMillis ?? defaultRetentionMillis);
  const age = shard.millisBehindLatest ?? 0;
  if (maxAge > 0 && age >= maxAge) {
    const message = `${shard.shardId} is ${age} ms behind; what is older than the retention will be lost`;
    alerts.push({ alert: 'iteratorAge', subject, value: age, threshold: maxAge, message });
  }
  const { stuckAttempts, staleCheckpointMillis } = limits;
  if (shard.stuck !== null && stuckAttempts > 0 && shard.stuck.attempts >= stuckAttempts) {
    const { attempts, message } = shard.stuck;
    alerts.push({ alert: 'stuckBatch', subject, value: attempts, threshold: stuckAttempts, message });
  }
  const checkpointAge = takenAtMillis - (shard.positionAtMillis ?? takenAtMillis);
  const isUnfinished = shard.readThrough !== null && shard.readThrough !== shard.position;
  if (staleCheckpointMillis > 0 && isUnfinished && checkpointAge >= staleCheckpointMillis) {
    const message = `the checkpoint of ${shard.shardId} has stood for ${checkpointAge} ms`;
    alerts.push({ alert: 'staleCheckpoint', subject, value: checkpointAge, threshold: staleCheckpointMillis, message });
  }
  return alerts;
}

function stuckBatchAlerts({ batches }: Snapshot, { stuckAttempts: threshold }: Limits): Alert[] {
  if (threshold === 0) return [];
  return batches.active
    .filter(({ attempts, error }) => error !== null && attempts >= threshold)
    .map(({ group, attempts, error }) => {
      return { alert: 'stuckBatch', subject: group, value: attempts, threshold, message: error ?? '' };
    });
}

function churnAlerts({ moves, takenAtMillis }: Snapshot, { leaseChurn: threshold }: Limits): Alert[] {
  const since = takenAtMillis - churnWindowMillis;
  const value = moves.filter(({ kind, atMillis }) => kind === 'lost' && atMillis > since).length;
  if (threshold === 0 || value < threshold) return [];
  const message = `${value} leases were lost in ten minutes: look for blocked or killed workers, and for throttling`;
  return [{ alert: 'leaseChurn', subject: '', value, threshold, message }];
}

function standbyAlerts({ application }: Snapshot, { standbyWorkers: threshold }: Limits): Alert[] {
  const value = application.otherWorkers.length;
  if (!application.isLeader || value >= threshold) return [];
  const message = `${value} other workers are there, and ${threshold} are wanted`;
  return [{ alert: 'noStandby', subject: '', value, threshold, message }];
}
