import { MillraceError } from '../base/error.ts';
import { formatPosition } from '../base/position.ts';
import type { MillraceEvent } from '../event/event.ts';
import type { Page } from '../kinesis/reader.ts';
import type { Lease } from '../lease/lease.ts';

/** What of a lease tells whether its position is lost. */
export type GuardedLease = Pick<Lease, 'leaseKey' | 'checkpoint' | 'caughtUpAtMillis' | 'initialTimestampMillis'>;

/** What a {@link RetentionGuard} judges by. */
export interface RetentionGuardOptions {
  readonly lease: GuardedLease;
  /** How long the stream keeps records; without it nothing is judged. */
  readonly retentionMillis: number | undefined;
  readonly nowMillis: number;
}

/**
 * Finds out whether records after a checkpoint are gone. Kinesis does not tell: it goes on with the oldest record that it
 * has, as if nothing were missing. What is after the checkpoint was put after the shard was last seen at its tip there, and
 * after the checkpoint's own record. When the former is older than the retention, and the latter is not in the stream any
 * more, something in between may have been put and trimmed since.
 *
 * A shard of which nothing was finished has no record to look for: LATEST means the time that the row carries, and what was
 * put since is promised. Of AT_TIMESTAMP only the row tells, by `caughtUpAtMillis`, whether the stream had that time when
 * somebody gave it: one that was past already means the oldest record, as TRIM_HORIZON does, which loses nothing. The same
 * holds of TRIM_HORIZON: the row of a child says that all of it is promised, by a time before which it had no records.
 */
export class RetentionGuard {
  readonly #options: RetentionGuardOptions;
  #isSuspect: boolean;

  constructor(options: RetentionGuardOptions) {
    const { lease, retentionMillis, nowMillis } = options;
    this.#options = options;
    const unreadSinceMillis = unreadSinceMillisOf(lease);
    this.#isSuspect =
      retentionMillis !== undefined &&
      unreadSinceMillis !== undefined &&
      unreadSinceMillis < nowMillis - retentionMillis;
  }

  /** Whether the position may be lost, as long as no page has told. */
  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  /** Whether the shard may have lost its beginning, of which no page tells; see `beganBeforeHorizon`. */
  get doubtsBeginning(): boolean {
    return this.#isSuspect && this.#options.lease.checkpoint.kind === 'TRIM_HORIZON';
  }

  /** Nothing is lost. */
  acquit(): void {
    this.#isSuspect = false;
  }

  /** Whether a page of a shard that was opened at the checkpoint shows that the position is lost. */
  isLost({ records, millisBehindLatest }: Pick<Page, 'records' | 'millisBehindLatest'>): boolean {
    if (!this.#isSuspect) return false;
    const [first] = records;
    // An empty page of a shard that is behind says nothing: Kinesis gives them where it has trimmed.
    if (first === undefined) return millisBehindLatest === 0;
    this.#isSuspect = first.sequenceNumber !== this.#sequenceNumber;
    return this.#isSuspect;
  }

  /** The position is lost and nothing more is to be judged: what to tell, and what to throw where that is the policy. */
  settle(): { readonly event: MillraceEvent; readonly error: MillraceError } {
    this.#isSuspect = false;
    const { lease, retentionMillis = 0 } = this.#options;
    const { leaseKey: shardId } = lease;
    const caughtUpAtMillis = unreadSinceMillisOf(lease) ?? 0;
    const checkpoint = formatPosition(lease.checkpoint);
    const seen = new Date(caughtUpAtMillis).toISOString();
    const noRecord = lease.checkpoint.kind === 'SEQUENCE' ? 'the record there is gone' : 'no record of it was finished';
    const kept = `the ${retentionMillis / 3_600_000} h that the stream keeps records`;
    const what =
      lease.checkpoint.kind === 'TRIM_HORIZON'
        ? `shard ${shardId} began, or was last seen empty, longer ago than ${kept}, and ${noRecord}: its first records`
        : caughtUpAtMillis === 0
          ? `the record at ${checkpoint} in shard ${shardId}, to which the application was taken back, is older than ${kept} and gone: records after it`
          : `what follows ${checkpoint} in shard ${shardId} was put after ${seen}, which is longer ago than ${kept}, and ${noRecord}: records after it`;
    const error = new MillraceError(
      'MR_POSITION_TRIMMED',
      `${what} may be lost; set onTrimmedPosition to TRIM_HORIZON to go on with the oldest that is left`,
      { subject: { shard: shardId } },
    );
    return { event: { type: 'shard.positionTrimmed', shardId, checkpoint, caughtUpAtMillis, retentionMillis }, error };
  }

  get #sequenceNumber(): string {
    const { checkpoint } = this.#options.lease;
    return checkpoint.kind === 'SEQUENCE' ? checkpoint.sequenceNumber.toString() : '';
  }
}

/** The service time before which nothing of what may follow the position was put; absent where the row does not say. */
function unreadSinceMillisOf({
  checkpoint,
  caughtUpAtMillis,
  initialTimestampMillis,
}: GuardedLease): number | undefined {
  switch (checkpoint.kind) {
    case 'SEQUENCE':
    case 'AT_TIMESTAMP':
    case 'TRIM_HORIZON':
      return caughtUpAtMillis;
    case 'LATEST':
      if (initialTimestampMillis === undefined) return caughtUpAtMillis;
      return Math.max(initialTimestampMillis, caughtUpAtMillis ?? 0);
    case 'SHARD_END':
      return undefined;
  }
}
