import { MillraceError } from '../base/error.ts';
import type { Lease } from './lease.ts';

/** The part of a lease that says which stream it is of. */
type LeaseOfStream = Pick<Lease, 'leaseKey' | 'streamArn' | 'streamCreatedAtMillis'>;
import type { StreamIdentity } from './plan/shard-sync-plan.ts';

/**
 * Makes sure that the rows of a lease table belong to the stream that is being read. Positions of another stream, or of
 * an earlier stream of the same name, would skip or repeat records without a word.
 * @throws MillraceError `MR_STREAM_CHANGED` naming both
 */
export function checkStream(leases: readonly LeaseOfStream[], stream: StreamIdentity): void {
  for (const lease of leases) {
    // Rows that Java made do not name their stream.
    if (lease.streamArn === undefined) continue;
    if (lease.streamArn !== stream.streamArn) {
      throw changed(lease, `of stream ${lease.streamArn}, and this is ${stream.streamArn}`);
    }
    if (lease.streamCreatedAtMillis !== undefined && lease.streamCreatedAtMillis !== stream.streamCreatedAtMillis) {
      const [then, now] = [lease.streamCreatedAtMillis, stream.streamCreatedAtMillis].map((millis) =>
        new Date(millis).toISOString(),
      );
      throw changed(lease, `of ${lease.streamArn} as created at ${then}; the stream was created anew at ${now}`);
    }
  }
}

function changed(lease: LeaseOfStream, what: string): MillraceError {
  return new MillraceError(
    'MR_STREAM_CHANGED',
    `lease ${lease.leaseKey} holds a position ${what}; use another applicationName, or delete the lease table to start anew`,
    { subject: { lease: lease.leaseKey, ...(lease.streamArn === undefined ? {} : { stream: lease.streamArn }) } },
  );
}
