import { formatPosition } from '../base/position.ts';
import type { Lease } from '../lease/lease.ts';

/** A change of a lease row for the trace: owner, counter, tenure and checkpoint before and after. */
export function textOfChange(before: Lease | undefined, after: Lease | undefined): string {
  if (after === undefined) return `${before?.leaseKey} deleted`;
  return `${after.leaseKey} ${before === undefined ? `created${textOfStart(after)}` : textOfRow(before)} -> ${textOfRow(after)}`;
}

function textOfRow(row: Lease): string {
  const { leaseOwner, checkpointOwner, leaseCounter, tenure, checkpoint } = row;
  const from = checkpointOwner === undefined ? '' : ` from ${checkpointOwner}`;
  return `[${leaseOwner ?? '-'}${from} ${leaseCounter}@${tenure ?? '-'} ${formatPosition(checkpoint)}]`;
}

function textOfStart({ initialTimestampMillis, firstSyncEnded }: Lease): string {
  const start = initialTimestampMillis === undefined ? '' : ` from ${new Date(initialTimestampMillis).toISOString()}`;
  return firstSyncEnded === true ? `${start}, the first sync has ended` : start;
}
