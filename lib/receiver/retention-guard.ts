import { MillraceError } from '../base/error.ts';
import { formatPosition } from '../base/position.ts';
import type { MillraceEvent } from '../event/event.ts';
import type { Page } from '../kinesis/reader.ts';
import type { Lease } from '../lease/lease.ts';

/** What a {@link RetentionGuard} judges by. */
export interface RetentionGuardOptions {
  readonly lease: Pick<Lease, 'leaseKey' | 'checkpoint' | 'caughtUpAtMillis'>;
  /** How long the stream keeps records; without it nothing is judged. */
  readonly retentionMillis: number | undefined;
  readonly nowMillis: number;
}

/**
 * Finds out whether records after a checkpoint are gone. Kinesis does not tell: it goes on with the oldest record that it
 * has, as if nothing were missing. What is after the checkpoint was put after the shard was last seen at its tip there, and
 * after the checkpoint's own record. When the former is older than the retention, and the latter is not in the stream any
 * more, something in between may have been put and trimmed since.
 */
export class RetentionGuard {
  readonly #options: RetentionGuardOptions;
  #isSuspect: boolean;

  constructor(options: RetentionGuardOptions) {
    const { lease, retentionMillis, nowMillis } = options;
    this.#options = options;
    this.#isSuspect =
      lease.checkpoint.kind === 'SEQUENCE' &&
      retentionMillis !== undefined &&
      lease.caughtUpAtMillis !== undefined &&
      lease.caughtUpAtMillis < nowMillis - retentionMillis;
  }

  /** Whether the position may be lost, as long as no page has told. */
  get isSuspect(): boolean {
    return this.#isSuspect;
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
    const { leaseKey: shardId, caughtUpAtMillis = 0 } = lease;
    const checkpoint = formatPosition(lease.checkpoint);
    const seen = new Date(caughtUpAtMillis).toISOString();
    const error = new MillraceError(
      'MR_POSITION_TRIMMED',
      `what follows ${checkpoint} in shard ${shardId} was put after ${seen}, which is longer ago than the ${retentionMillis / 3_600_000} h that the stream keeps records, and the record there is gone: records after it may be lost; set onTrimmedPosition to TRIM_HORIZON to go on with the oldest that is left`,
      { subject: { shard: shardId } },
    );
    return { event: { type: 'shard.positionTrimmed', shardId, checkpoint, caughtUpAtMillis, retentionMillis }, error };
  }

  get #sequenceNumber(): string {
    const { checkpoint } = this.#options.lease;
    return checkpoint.kind === 'SEQUENCE' ? checkpoint.sequenceNumber.toString() : '';
  }
}
