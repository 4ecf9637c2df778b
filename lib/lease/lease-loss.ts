import { MillraceError } from '../base/error.ts';
import type { LeaseLossReason } from '../event/event.ts';
import type { Holding } from './holding.ts';
import type { Lease } from './lease.ts';

/** Why a refused write means that the tenure is over; `row` is the row as it is now. */
export function lossReason(holding: Holding, row: Lease | undefined, workerIdentifier: string): LeaseLossReason {
  if (row === undefined) return 'deleted';
  // A release that was applied unheard may have gone round and come back: that is no duplicate.
  if (holding.releasing) return 'taken';
  const newerTenure = row.tenure !== undefined && row.tenure > holding.fence.tenure;
  return row.leaseOwner === workerIdentifier && newerTenure ? 'duplicate' : 'taken';
}

/** The error for a worker whose name another process uses too. */
export function duplicateWorker(workerIdentifier: string, leaseKey: string): MillraceError {
  return new MillraceError(
    'MR_WORKER_DUPLICATE',
    `another process runs as worker ${JSON.stringify(workerIdentifier)} (it began a newer tenure of lease ${leaseKey}); give each process its own workerIdentifier`,
    { subject: { worker: workerIdentifier, lease: leaseKey } },
  );
}
