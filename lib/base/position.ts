import { MillraceError } from './error.ts';

/** The positions that are names instead of numbers, as KCL writes them into the lease table. */
export type SentinelPosition = 'AT_TIMESTAMP' | 'TRIM_HORIZON' | 'LATEST' | 'SHARD_END';

/**
 * A place in a shard. Sequence numbers have up to 186 bits, so they are big integers, never `number` and never
 * compared as text. `subSequenceNumber` counts the user records inside one aggregated record, from 0.
 */
export type Position =
  | { readonly kind: SentinelPosition }
  | { readonly kind: 'SEQUENCE'; readonly sequenceNumber: bigint; readonly subSequenceNumber: number };

/** The four named positions. */
export const AT_TIMESTAMP: Position = { kind: 'AT_TIMESTAMP' };
/** The oldest record that the stream still has. */
export const TRIM_HORIZON: Position = { kind: 'TRIM_HORIZON' };
/** After the newest record, at the time when the lease was made. */
export const LATEST: Position = { kind: 'LATEST' };
/** After the last record of a closed shard. */
export const SHARD_END: Position = { kind: 'SHARD_END' };

const sentinels: Record<SentinelPosition, Position> = { AT_TIMESTAMP, TRIM_HORIZON, LATEST, SHARD_END };

/** Ranks of KCL's total order: AT_TIMESTAMP < TRIM_HORIZON < LATEST < any number < SHARD_END (kcl.md 1.4). */
const ranks: Record<Position['kind'], number> = {
  AT_TIMESTAMP: 0,
  TRIM_HORIZON: 1,
  LATEST: 2,
  SEQUENCE: 3,
  SHARD_END: 4,
};

/** The position of one user record. */
export function positionOf(sequenceNumber: bigint | string, subSequenceNumber = 0): Position {
  return { kind: 'SEQUENCE', sequenceNumber: BigInt(sequenceNumber), subSequenceNumber };
}

/** Negative when `a` is before `b`, 0 when they are the same place, positive when `a` is after `b`. */
export function comparePositions(a: Position, b: Position): number {
  if (a.kind === 'SEQUENCE' && b.kind === 'SEQUENCE') {
    if (a.sequenceNumber !== b.sequenceNumber) return a.sequenceNumber < b.sequenceNumber ? -1 : 1;
    return a.subSequenceNumber - b.subSequenceNumber;
  }
  return ranks[a.kind] - ranks[b.kind];
}

/** Whether the position is a name for "where to start", which says nothing about records already read. */
export function isInitialSentinel(position: Position): boolean {
  return position.kind !== 'SEQUENCE' && position.kind !== 'SHARD_END';
}

/** The two texts of the lease row: KCL's `checkpoint` and `checkpointSubSequenceNumber`. */
export function positionToRow(position: Position): { checkpoint: string; subSequenceNumber: number } {
  if (position.kind !== 'SEQUENCE') return { checkpoint: position.kind, subSequenceNumber: 0 };
  return { checkpoint: position.sequenceNumber.toString(), subSequenceNumber: position.subSequenceNumber };
}

/**
 * Reads the two texts of the lease row.
 * @throws MillraceError `MR_TABLE_FOREIGN` for a checkpoint that is neither digits nor one of the four names
 */
export function positionFromRow(checkpoint: string, subSequenceNumber: number): Position {
  if (Object.hasOwn(sentinels, checkpoint)) return sentinels[checkpoint as SentinelPosition];
  if (!/^\d+$/.test(checkpoint)) {
    throw new MillraceError(
      'MR_TABLE_FOREIGN',
      `checkpoint ${JSON.stringify(checkpoint)} is neither a sequence number nor one of ${Object.keys(sentinels).join(', ')}`,
    );
  }
  return positionOf(checkpoint, subSequenceNumber);
}

/** The position as one word, for events and messages: `49590...:0`, `SHARD_END`. */
export function formatPosition(position: Position): string {
  return position.kind === 'SEQUENCE' ? `${position.sequenceNumber}:${position.subSequenceNumber}` : position.kind;
}

/**
 * Reads what {@link formatPosition} wrote; `undefined` for anything else.
 */
export function parsePosition(text: string): Position | undefined {
  if (Object.hasOwn(sentinels, text)) return sentinels[text as SentinelPosition];
  const match = /^(\d+):(\d+)$/.exec(text);
  if (match === null) return undefined;
  return positionOf(match[1] ?? '', Number(match[2]));
}
