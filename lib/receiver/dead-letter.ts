import type { KinesisRecord } from '../block/record.ts';

/** Why records were given to a {@link DeadLetter}. */
export interface DeadLetterContext {
  readonly shardId: string;
  /** What the handler threw last. */
  readonly error: unknown;
  /** How often the handler was tried with these records. */
  readonly attempts: number;
  /** Milliseconds since 1970 by this machine's clock. */
  readonly failedAtMillis: number;
}

/**
 * Where records go that the handler could not process. `write` resolves only when the records are safe, because they
 * count as finished from then on; when it rejects, the consumer stops as with `'STOP'`. The records are detached: they can
 * be kept.
 */
export interface DeadLetter {
  write(records: readonly KinesisRecord[], context: DeadLetterContext): Promise<void>;
}
