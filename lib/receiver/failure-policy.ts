import { backoffMillis } from '../base/backoff.ts';
import type { Random } from '../base/random.ts';
import type { KinesisRecord } from '../block/record.ts';
import type { DeadLetter } from './dead-letter.ts';

/** What to do when a handler fails, with every default filled in; names and rules of Lambda's event source mapping. */
export interface FailurePolicy {
  /** Further attempts with the same records after the first failed; -1 means without end. */
  readonly maximumRetryAttempts: number;
  /** Failing records older than this are given up; -1 means never. */
  readonly maximumRecordAgeInSeconds: number;
  /** Whether failing records are split in halves, each tried by itself; splitting is no attempt. */
  readonly bisectBatchOnFunctionError: boolean;
  /** When giving up: end the run, leave the records out, or write them to a dead letter. */
  readonly then: 'STOP' | 'SKIP' | DeadLetter;
}

/** Waits between attempts: from 0.1 s to 30 s, doubling, with jitter. */
export const retryBackoff = { baseMillis: 200, capMillis: 30_000 } as const;

/** Failed attempts at which the records count as stuck. */
export const stuckAfterAttempts = 3;

/** Least time between two `batch.stuck` events of one block, milliseconds. */
export const stuckEventIntervalMillis = 30_000;

/** What is known when the handler has failed. */
export interface Failure {
  /** The records of the failed attempt, at least one. */
  readonly records: readonly KinesisRecord[];
  /** Attempts with exactly these records so far, all failed. */
  readonly failedAttempts: number;
  /** Whether the handler has finished what came before these records, and said so: it has found the failing one. */
  readonly isRest?: boolean;
  /** The service's time, milliseconds since 1970: ages are never taken from this machine's clock. */
  readonly serviceTimeMillis: number;
}

/** What to do after a failure. */
export type FailureDecision =
  | { readonly action: 'retry'; readonly delayMillis: number }
  | { readonly action: 'bisect'; readonly halves: readonly [readonly KinesisRecord[], readonly KinesisRecord[]] }
  | {
      readonly action: 'giveUp';
      readonly because: 'attempts' | 'age';
      readonly records: readonly KinesisRecord[];
      /** Records that are not given up and go on as a batch of their own. */
      readonly rest: readonly KinesisRecord[];
    };

/**
 * Decides after a failure. Several records are split in halves at once if the policy says so, as Lambda does; a half counts its
 * attempts anew, so that only records that fail alone use them up. The rest of records of which the handler has finished
 * the first is tried as it is. Within the limits the same records are tried again; at a limit they are given up: all of them
 * when the attempts are used up, only those that are too old when the age is the limit.
 */
export function decideAfterFailure(policy: FailurePolicy, failure: Failure, random: Random): FailureDecision {
  const { records, failedAttempts, isRest = false } = failure;
  const hasAttempts = policy.maximumRetryAttempts < 0 || failedAttempts <= policy.maximumRetryAttempts;
  const tooOld = (record: KinesisRecord) => isTooOld(policy, record, failure.serviceTimeMillis);
  const isWithinLimits = hasAttempts && !records.some(tooOld);
  if (policy.bisectBatchOnFunctionError && records.length > 1 && !(isRest && isWithinLimits)) {
    const middle = Math.ceil(records.length / 2);
    return { action: 'bisect', halves: [records.slice(0, middle), records.slice(middle)] };
  }
  if (isWithinLimits) return { action: 'retry', delayMillis: backoffMillis(retryBackoff, failedAttempts, random) };
  if (!hasAttempts) return { action: 'giveUp', because: 'attempts', records, rest: [] };
  const rest = records.filter((record) => !tooOld(record));
  return { action: 'giveUp', because: 'age', records: records.filter(tooOld), rest };
}

function isTooOld(policy: FailurePolicy, record: KinesisRecord, serviceTimeMillis: number): boolean {
  if (policy.maximumRecordAgeInSeconds < 0) return false;
  return serviceTimeMillis - record.arrivalTimeMillis > policy.maximumRecordAgeInSeconds * 1000;
}

/** Whether `batch.stuck` is due at a failure; `lastEventMillis` is when the last one was published, monotonic. */
export function isStuckEventDue(
  failedAttempts: number,
  nowMillis: number,
  lastEventMillis: number | undefined,
): boolean {
  if (failedAttempts < stuckAfterAttempts) return false;
  return lastEventMillis === undefined || nowMillis - lastEventMillis >= stuckEventIntervalMillis;
}
