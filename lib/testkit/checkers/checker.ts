import type { Block } from '../../block/block.ts';
import type { MillraceEvent } from '../../event/event.ts';
import type { LeaderLock, Lease } from '../../lease/lease.ts';
import type { FakeKinesis } from '../fake-kinesis.ts';
import type { FakeLeaseTable, LeaseTableCall } from '../fake-lease-table.ts';
import type { Ledger } from '../ledger.ts';
import type { WorkerProcess } from '../worker-process.ts';

/** What a checker knows of a worker. */
export interface CheckedWorker {
  /** Unique over restarts. */
  readonly id: string;
  /** Its `workerIdentifier`; two processes may have the same. */
  readonly name: string;
  readonly process: WorkerProcess;
  readonly limits: WorkerLimits;
  /** Whether another process of the same name has lived at the same time. */
  readonly hasTwin: boolean;
  /** Whether the table has ever refused it for lack of a permission. */
  readonly wasDenied: boolean;
  /** Neither killed nor ended. */
  readonly isAlive: boolean;
  /** Whether it was told to drain or to stop. */
  readonly isEnding: boolean;
  /** Whether it was told to stop at once, and drops what is not finished. */
  readonly isDropping: boolean;
}

/** Settings of a worker that a checker looks at. */
export interface WorkerLimits {
  readonly failoverTimeMillis: number;
  readonly maxUnackedBlocks: number;
  readonly maxBufferedBytes: number;
  readonly blockMaxBytes: number;
  readonly blockMaxRecords: number;
}

/** A change of a lease row. */
export interface LeaseChange {
  readonly before: Lease | undefined;
  readonly after: Lease | undefined;
  /** Whose call made it; absent when the test did. */
  readonly writer: CheckedWorker | undefined;
}

/** A change of the leader's lock. */
export interface LockChange {
  readonly before: LeaderLock | undefined;
  readonly after: LeaderLock | undefined;
  /** Whose call made it; absent when the test did. */
  readonly writer: CheckedWorker | undefined;
}

/** What a checker compares with, and whom it tells. */
export interface CheckContext {
  readonly ledger: Ledger;
  readonly table: FakeLeaseTable;
  readonly kinesis: FakeKinesis;
  /** Every worker that was ever started. */
  readonly workers: () => readonly CheckedWorker[];
  /** World time, monotonic. */
  readonly nowMillis: () => number;
  /** Whether the faults are over and what they left behind is repaired: from now on everything must go smoothly. */
  readonly isQuiet: () => boolean;
  /** Says that something is not as it must be. The first sentence ends the run. */
  readonly fail: (sentence: string) => void;
}

/** Watches one promise. Every method is called in line with what it tells of, and only before the run has failed. */
export interface Checker {
  /** The promise, as a sentence. */
  readonly promise: string;
  /** A lease row has come, changed or gone. */
  onLease?(change: LeaseChange): void;
  /** The leader's lock has come, changed or gone. */
  onLock?(change: LockChange): void;
  /** A block was handed out. */
  onBlock?(worker: CheckedWorker, block: Block): void;
  /** A block is finished, and is about to be acked or committed. */
  onAck?(worker: CheckedWorker, block: Block): void;
  /** What became of a commit. */
  onCommitted?(worker: CheckedWorker, block: Block, outcome: 'committed' | 'lost'): void;
  onEvent?(worker: CheckedWorker, event: MillraceEvent): void;
  /** A call of a worker was sent to the table or to the stream. */
  onCall?(worker: CheckedWorker, operation: string): void;
  /** The lease table is asked by a worker, as it is sent; calls that change nothing are left out. */
  onAsk?(worker: CheckedWorker, call: LeaseTableCall): void;
  /** The process of the worker has come to an end by itself; what it ended with, or `undefined` when it resolved. */
  onEnded?(worker: CheckedWorker, fault: unknown): void;
}

/** Makes a checker. */
export type CheckerMaker = (context: CheckContext) => Checker;
