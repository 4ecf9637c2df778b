import PQueue from 'p-queue';
import { type LinkedController, deadlineController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Lease } from './lease.ts';
import type { Fence } from './lease-write.ts';
import { LeaseThroughput } from './throughput.ts';

/** One lease that this worker holds, with all that its writes share. Owned by the keeper alone. */
export interface Holding {
  fence: Fence;
  /** The row as last written. */
  lease: Lease;
  /** Monotonic time before the last confirming request was sent. */
  confirmedAtMillis: number;
  renewing: boolean;
  /** Bytes handed out, for the next heartbeat. */
  readonly load: LeaseThroughput;
  /** A release was sent: whatever becomes of it, nothing more is handed out. */
  releasing: boolean;
  /** One write at a time: they share the counter. */
  readonly queue: PQueue;
  /** Aborts when the tenure is over. */
  readonly over: AbortController;
}

/** Starts to hold a lease whose tenure was just begun by a write that was sent at `startedAtMillis`. */
export function newHolding(lease: Lease, startedAtMillis: number): Holding {
  if (lease.tenure === undefined) {
    throw new MillraceError('MR_INTERNAL', `lease ${lease.leaseKey} has no tenure after the write that began one`);
  }
  return {
    fence: { leaseKey: lease.leaseKey, leaseCounter: lease.leaseCounter, tenure: lease.tenure },
    lease,
    confirmedAtMillis: startedAtMillis,
    renewing: false,
    load: new LeaseThroughput(startedAtMillis),
    releasing: false,
    queue: new PQueue({ concurrency: 1 }),
    over: new AbortController(),
  };
}

/** A request to the lease table may take F/4 at most: four of them, one after another, must fit into F. */
export function requestDeadline(
  clock: Clock,
  failoverTimeMillis: number,
  ...parents: readonly (AbortSignal | undefined)[]
): LinkedController {
  const millis = Math.floor(failoverTimeMillis / 4);
  const late = () =>
    new MillraceError('MR_ENDPOINT_UNREACHABLE', `DynamoDB did not answer within ${millis} ms`, { reaction: 'retry' });
  return deadlineController(clock, millis, late, ...parents);
}
