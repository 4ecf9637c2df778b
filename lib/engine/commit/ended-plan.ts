import type { ShardHashRange } from '../../block/shard-opening.ts';
import type { EndedShard } from './manifest.ts';
import { parsePointer } from './pointer.ts';

/** A lease row, as far as it tells whether what a shard left is still needed. */
export interface HeirRow {
  readonly shardId: string;
  readonly parentShardIds: readonly string[];
  /** Those that the row names; none before the end of the shard. */
  readonly childShardIds: readonly string[];
  readonly hashKeyRange?: ShardHashRange;
  /** The text of the row's own pointer; absent where the shard has committed nothing. */
  readonly state?: string;
  /** Whether the row names what its parents left. */
  readonly isHeir: boolean;
}

/**
 * Whether nobody can need any more what an ended shard committed; pure. Once it is so, it stays so: then all that is in the
 * store under its name by then may go, whoever removes it, and however late.
 *
 * Three things need it, and each of them begins with a row:
 *
 * - Its own row. Whoever looks at the state, goes back with it, seeks or migrates it reads the versions that this row names,
 *   and a child without a commit begins with them. So the row must be gone. The leader deletes it when the shard is at its
 *   end, all children have leases and have been read, and the rows of its own parents are gone. A parent's row that is gone
 *   cannot be taken back, so that no child has to begin anew for it.
 * - The row of a child, which names the last version of each parent (`engineInherit`). A child without a pointer of its own
 *   begins with that; one that stands alone (see `standsAlone`) never will again, not even after a rewind. One of two
 *   parents is kept while the row of the other is there:
 *     1. A and B were merged into C. The row of A was deleted; that of B was not, since a parent of B still has one
 *     2. an operator goes back to a time when B was read: B is read on, and C begins anew, with what both leave
 *     3. B leaves another version than before, and A, of which no row is left, the one that the row of C names
 * - A child whose row is made later. A shard is at its end only after all its children have rows, and those that are looked
 *   at here were read after that. So a child without one had it: it ended, and passed on what it had. Should a row have been
 *   deleted by hand, or a child never have been listed, the state of its part of the hash space is nowhere else than here. So
 *   the rows that carry state on must cover all of the shard's part, and those of the shards that it comes from do not carry
 *   on what it left; otherwise it is kept, for good if need be.
 *
 * A row that was made again after it was deleted, by a seek, begins from nothing, with objects of other names.
 */
export function isForgotten({ shardId, hashKeyRange }: EndedShard, rows: readonly HeirRow[]): boolean {
  const present = new Set(rows.map((row) => row.shardId));
  if (present.has(shardId)) return false;
  const children = rows.filter(({ parentShardIds }) => parentShardIds.includes(shardId));
  const isPast = (child: HeirRow) => child.parentShardIds.every((parent) => !present.has(parent)) && isAlone(child);
  const before = ancestorsOf(shardId, rows);
  const heirs = rows.filter((row) => !before.has(row.shardId));
  return children.every(isPast) && isCovered(hashKeyRange, heirs);
}

/** The rows of those that a shard, of which no row is left, comes from: what they left is older than what it left. */
function ancestorsOf(shardId: string, rows: readonly HeirRow[]): ReadonlySet<string> {
  const found = new Set([shardId]);
  // Whoever is found in the midst is gone over, too.
  for (const one of found) {
    const parents = rows.find((row) => row.shardId === one)?.parentShardIds ?? [];
    for (const { shardId: other, childShardIds } of rows) {
      if (childShardIds.includes(one) || parents.includes(other)) found.add(other);
    }
  }
  return found;
}

/** Whether a row says that its group needs nothing that another one left; one that cannot be read does not. */
function isAlone({ shardId, state }: HeirRow): boolean {
  if (state === undefined) return false;
  try {
    const { standsAlone, movedTo } = parsePointer(state, shardId);
    return standsAlone === true && movedTo === undefined;
  } catch {
    return false;
  }
}

function isCovered({ startingHashKey, endingHashKey }: ShardHashRange, rows: readonly HeirRow[]): boolean {
  const spans = rows.flatMap(({ state, isHeir, hashKeyRange: range }) => {
    if (range === undefined || (state === undefined && !isHeir)) return [];
    return [{ start: BigInt(range.startingHashKey), end: BigInt(range.endingHashKey) }];
  });
  let next = BigInt(startingHashKey);
  for (const { start, end } of spans.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    if (start <= next && end >= next) next = end + 1n;
  }
  return next > BigInt(endingHashKey);
}

/** Ended shards of several lists, each once. */
export function uniteEnded(...lists: readonly (readonly EndedShard[])[]): readonly EndedShard[] {
  return [...new Map(lists.flat().map((shard) => [shard.shardId, shard])).values()];
}
