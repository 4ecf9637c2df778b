import type { InheritedState } from '../block/shard-opening.ts';
import type { HashKeyRange, Lease } from '../lease/lease.ts';

/** What a parent's engine committed with its end, as a text for the rows of its children. */
export function inheritedText({ leaseKey, hashKeyRange }: Lease, state: string): string {
  return JSON.stringify({ shardId: leaseKey, state, ...(hashKeyRange === undefined ? {} : { hashKeyRange }) });
}

/** Reads the texts of a row; what is none of Millrace's is left out, so that a child without any is noticed. */
export function inheritedStates(texts: readonly string[]): readonly InheritedState[] {
  return texts.flatMap((text) => {
    const { shardId, state, hashKeyRange } = parsed(text);
    if (typeof shardId !== 'string' || typeof state !== 'string') return [];
    return [{ shardId, state, ...(isRange(hashKeyRange) ? { hashKeyRange } : {}) }];
  });
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isRange(value: unknown): value is HashKeyRange {
  if (typeof value !== 'object' || value === null) return false;
  const { startingHashKey, endingHashKey } = value as Partial<HashKeyRange>;
  return typeof startingHashKey === 'string' && typeof endingHashKey === 'string';
}
