import { type Position, isInitialSentinel } from '../base/position.ts';

/** The part of the 128-bit hash space that a shard takes; decimal integers as text, both inclusive. */
export interface HashKeyRange {
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/**
 * One row of the lease table: which worker reads a shard, and how far it has come. Field names are KCL's attribute
 * names (kcl.md 1.1) except where a plural reads better; the fields below the line are Millrace's own attributes, which
 * Java workers leave alone.
 */
export interface Lease {
  /** The shard id. */
  readonly leaseKey: string;
  /** The heartbeat and the fence of every write: + 1 with each of them. */
  readonly leaseCounter: number;
  /** The worker that reads the shard; absent when nobody does, never empty. */
  readonly leaseOwner?: string;
  readonly ownerSwitchesSinceCheckpoint: number;
  /** KCL's `checkpoint` and `checkpointSubSequenceNumber`. */
  readonly checkpoint: Position;
  /** A prepared checkpoint of KCL's two-phase form. */
  readonly pendingCheckpoint?: Position;
  readonly pendingCheckpointState?: Uint8Array;
  /** KCL's `parentShardId`, a set in spite of its name. */
  readonly parentShardIds: readonly string[];
  readonly childShardIds: readonly string[];
  readonly hashKeyRange?: HashKeyRange;
  readonly throughputKBps?: number;
  /** Present only while a graceful handoff is pending: the old owner. */
  readonly checkpointOwner?: string;

  /** The counter of the write that began the owner's tenure. */
  readonly tenure?: number;
  /** What LATEST or AT_TIMESTAMP means for this shard, resolved once. Milliseconds since 1970, service time. */
  readonly initialTimestampMillis?: number;
  readonly streamArn?: string;
  /** Creation time of the stream, which tells a re-created stream from the first. Milliseconds since 1970. */
  readonly streamCreatedAtMillis?: number;
  /** Set on the lease that ends a stream's first sync and on every lease created later. */
  readonly firstSyncEnded?: true;
  /** Opaque text of the engine, written in the same conditional write as the checkpoint. */
  readonly engineState?: string;
  /**
   * What the parents' engine committed with their ends, one text for each of them (`inheritedText`): named here before
   * SHARD_END is written, so that a child finds it also when their rows are gone.
   */
  readonly engineInherit?: readonly string[];
  /**
   * Service time at which the shard was read to its tip at this checkpoint: what follows the checkpoint was put later. On the
   * row of a child that nobody has read yet, a time at which it had no records. Milliseconds since 1970.
   */
  readonly caughtUpAtMillis?: number;
}

/** A row that one worker writes to show that it lives: KCL's WorkerMetricStats (kcl.md 1.3). */
export interface WorkerRow {
  readonly workerIdentifier: string;
  /** KCL's `lut`, epoch seconds. Shown to Java; Millrace observes `reportCounter` instead. */
  readonly lastUpdateSeconds: number;
  /**
   * Changes with every report. Observers judge life by change on their own clock, never by comparing clocks. Absent on
   * the rows of Java workers.
   */
  readonly reportCounter?: number;
  /** The worker's own F: how long it may be silent. Absent on the rows of Java workers. */
  readonly failoverTimeMillis?: number;
  /** Whether the worker must be the only one of its application. */
  readonly exclusive: boolean;
  /** The name of a request to drain that somebody wrote into the row; the worker takes it with its next report. */
  readonly drainRequested?: string;
  /** KCL's `sts`: for each metric (`C` = CPU) the last averages, oldest first; -1 = the capture failed. */
  readonly metrics: MetricSeries;
  /** KCL's `opr`: for each metric its operating range; the first value is the highest utilisation. */
  readonly operatingRange: MetricSeries;
}

/** Values by metric name. */
export type MetricSeries = Readonly<Record<string, readonly number[]>>;

/**
 * The leader's lock: KCL's row of the DynamoDB lock client (kcl.md 1.3). An observer judges by its own clock how long
 * `recordVersionNumber` has stood still; the holder's `leaseDurationMillis` says how long is too long.
 */
export interface LeaderLock {
  readonly ownerName: string;
  readonly leaseDurationMillis: number;
  /** Another one with every heartbeat. */
  readonly recordVersionNumber: string;
  /** KCL's `isReleased`: free although the row is there. */
  readonly isReleased: boolean;
}

/** The number of a worker row that changes with every report. A Java worker has no counter of its own; its `lut` will do. */
export function reportOf(row: WorkerRow): number {
  return row.reportCounter ?? row.lastUpdateSeconds;
}

/** Whether the shard is read to its end; such a lease is no load. */
export function isEnded(lease: Lease): boolean {
  return lease.checkpoint.kind === 'SHARD_END';
}

/** Whether the lease has no checkpoint of a reader yet. */
export function isUnread(lease: Lease): boolean {
  return isInitialSentinel(lease.checkpoint);
}
