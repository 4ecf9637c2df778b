import type { MillraceEvent } from '../../../lib/index.ts';

/** One record as a worker saw it: its place in the stream and what its data say. */
export interface HandledRecord {
  readonly sequenceNumber: string;
  readonly subSequenceNumber: number;
  readonly key: string;
  /** The number of the record among those of its key, from 1. */
  readonly number: number;
}

/**
 * What a worker writes into its ledger. Times are those of the machine's monotonic clock, milliseconds, which all
 * processes of one machine share.
 */
export type LedgerLine =
  /** Records are handled; the handler began at `sinceMillis`, and returns after this line is in the file. */
  | {
      readonly type: 'records';
      readonly atMillis: number;
      readonly sinceMillis: number;
      readonly shardId: string;
      readonly records: readonly HandledRecord[];
    }
  | { readonly type: 'event'; readonly atMillis: number; readonly event: MillraceEvent }
  /** A timer fired so much too late: the process, or the machine, was busy or stood still. */
  | { readonly type: 'stall'; readonly atMillis: number; readonly latenessMillis: number }
  /** The worker runs; its program is loaded. */
  | { readonly type: 'ready'; readonly atMillis: number }
  /** A command of the harness took effect. */
  | { readonly type: 'told'; readonly atMillis: number; readonly command: string }
  /** The run has ended; `fault` is what it was rejected with, as code and message. */
  | { readonly type: 'ended'; readonly atMillis: number; readonly fault?: string };

/** The machine's monotonic clock in milliseconds. `performance.now` counts from the start of each process instead. */
export function machineMillis(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/**
 * Reads a line of a ledger.
 * @throws Error when it is none: the file was damaged, or somebody else writes to it
 */
export function parseLedgerLine(line: string): LedgerLine {
  try {
    const value = JSON.parse(line) as LedgerLine;
    if (typeof value === 'object' && value !== null && typeof value.atMillis === 'number') return value;
  } catch {
    // Told below.
  }
  throw new Error(`the ledger of a worker has a line that is none: ${line.slice(0, 200)}`);
}
