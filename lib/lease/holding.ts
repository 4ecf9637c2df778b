import PQueue from 'p-queue';
import { deadlineController, type LinkedController, stayingController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { Certainty } from './certainty.ts';
import type { Lease } from './lease.ts';
import type { Fence, RenewExtras } from './lease-write.ts';
import { LeaseThroughput } from './throughput.ts';

/** Wait between two attempts at the same write. */
const retryBackoff = { baseMillis: 50, capMillis: 1_000 };
/** The longest wait as a part of the time that is left: a table that answers again in time must be asked in time. */
const longestRetryWait = 1 / 4;

/** One lease that this worker holds, with all that its writes share. Owned by the keeper alone. */
export interface Holding {
  fence: Fence;
  /** The row as last written. */
  lease: Lease;
  /** Monotonic time before the last confirming request was sent. */
  confirmedAtMillis: number;
  renewing: boolean;
  /** Until when the tenure is certain, and the bytes handed out of it, for other threads to see and to note. */
  readonly certainty: Certainty;
  /** The rate of the bytes handed out, for the next heartbeat. */
  readonly load: LeaseThroughput;
  /** A release was sent: whatever becomes of it, nothing more is handed out. */
  releasing: boolean;
  /** One write at a time: they share the counter. */
  readonly queue: PQueue;
  /** Aborts when the tenure is over. */
  readonly over: AbortController;
}

/** Starts to hold a lease whose tenure was just begun by a write that was sent at `startedAtMillis`. */
export function newHolding(lease: Lease, startedAtMillis: number, failoverTimeMillis: number): Holding {
  if (lease.tenure === undefined) {
    throw new MillraceError('MR_INTERNAL', `lease ${lease.leaseKey} has no tenure after the write that began one`);
  }
  const certainty = new Certainty();
  certainty.confirm(startedAtMillis + failoverTimeMillis);
  return {
    certainty,
    fence: { leaseKey: lease.leaseKey, leaseCounter: lease.leaseCounter, tenure: lease.tenure },
    lease,
    confirmedAtMillis: startedAtMillis,
    renewing: false,
    load: new LeaseThroughput(startedAtMillis),
    releasing: false,
    queue: new PQueue({ concurrency: 1 }),
    over: stayingController(),
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

/** What a heartbeat sent now tells of the load: the bytes handed out since the last one. */
export function loadOf({ certainty, load }: Holding, nowMillis: number): RenewExtras {
  load.add(certainty.takeBytes());
  return load.take(nowMillis);
}

/** How long to wait between two attempts at the same write of a lease. */
export function backoffOf(
  { confirmedAtMillis }: Holding,
  failoverTimeMillis: number,
  nowMillis: number,
): { readonly baseMillis: number; readonly capMillis: number } {
  const leftMillis = confirmedAtMillis + failoverTimeMillis - nowMillis;
  const capMillis = Math.min(retryBackoff.capMillis, leftMillis * longestRetryWait);
  return { ...retryBackoff, capMillis: Math.max(retryBackoff.baseMillis, capMillis) };
}
