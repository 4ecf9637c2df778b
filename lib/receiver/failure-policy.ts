import type { DeadLetter } from './dead-letter.ts';

/** What to do when a handler fails, with every default filled in; the rules are those of Lambda's event source mapping. */
export interface FailurePolicy {
  /** Further attempts with the same records after the first failed; -1 means without end. */
  readonly maximumRetryAttempts: number;
  /** Records whose oldest is older than this are given up; -1 means never. */
  readonly maximumRecordAgeInSeconds: number;
  /** Whether failing records are split in halves before they are given up. */
  readonly bisectBatchOnFunctionError: boolean;
  /** When giving up: end the run, leave the records out, or write them to a dead letter. */
  readonly then: 'STOP' | 'SKIP' | DeadLetter;
}
