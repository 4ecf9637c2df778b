import type { InheritedState } from '../block/shard-opening.ts';
import type { HashKeyRange, Lease } from '../lease/lease.ts';

/** What a parent's engine commits with its end, as a text for the rows of its children. */
export function inheritedText({ leaseKey, tenure = 0, hashKeyRange }: Lease, state: string): string {
  return JSON.stringify({ shardId: leaseKey, tenure, state, ...(hashKeyRange === undefined ? {} : { hashKeyRange }) });
}

/**
 * Reads the texts of a row, one for each parent. A parent may have several: its children are named what it will commit
 * before that is committed, and an owner that dies in between leaves a text of something that was never committed. The end
 * is committed in the last tenure that there is of the parent, so the text of the greatest tenure is the one that counts.
 */
export function inheritedStates(texts: readonly string[]): readonly InheritedState[] {
  const latest = new Map<string, { readonly tenure: number; readonly inherited: InheritedState }>();
  for (const text of texts) {
    const { shardId, state, tenure, hashKeyRange } = parsed(text);
    if (typeof shardId !== 'string' || typeof state !== 'string' || typeof tenure !== 'number') continue;
    if ((latest.get(shardId)?.tenure ?? -1) > tenure) continue;
    latest.set(shardId, { tenure, inherited: { shardId, state, ...(isRange(hashKeyRange) ? { hashKeyRange } : {}) } });
  }
  return Array.from(latest.values(), ({ inherited }) => inherited);
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
