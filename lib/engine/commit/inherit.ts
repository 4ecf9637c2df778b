import { MillraceError } from '../../base/error.ts';
import type { InheritedState, ShardHashRange, ShardOpening } from '../../block/shard-opening.ts';
import { type Memory, emptyMemory } from '../memory.ts';
import type { Persistence } from '../persistence.ts';

/** What a parent shard committed with its end. */
export interface ParentMemory extends Pick<InheritedState, 'shardId' | 'hashKeyRange'> {
  readonly memory: Memory;
}

interface Span {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * What a shard inherits from its parents; pure. Of a parent that was split, the part that belongs to the shard; of one that
 * was merged into it, all. The parts are put together in order of the parents' hash keys.
 * @throws MillraceError `MR_STATE_INVALID` where a part of the hash space is not known, or an operator cannot divide or merge
 */
export function inheritMemory(
  shard: Pick<ShardOpening, 'shardId' | 'hashKeyRange'>,
  parents: readonly ParentMemory[],
  persistence: ReadonlyMap<string, Persistence>,
): Memory {
  const own = spanOf(shard);
  const sorted = parents
    .map((parent) => ({ memory: parent.memory, span: spanOf(parent) }))
    .toSorted((a, b) => (a.span.start < b.span.start ? -1 : 1));
  let inherited = emptyMemory;
  for (const { memory, span } of sorted) {
    inherited = mergeMemories(inherited, partOf(memory, span, own, persistence), persistence);
  }
  return inherited;
}

/** What several groups held, as one, in the order of their hash keys; pure. */
export function mergeGroups(groups: readonly ParentMemory[], persistence: ReadonlyMap<string, Persistence>): Memory {
  // The order matters to operators that keep one, and those of several streams have none among each other.
  const sorted = groups.toSorted((a, b) => (startOf(a) < startOf(b) ? -1 : 1));
  let merged = emptyMemory;
  for (const { memory } of sorted) merged = mergeMemories(merged, memory, persistence);
  return merged;
}

const startOf = ({ hashKeyRange }: ParentMemory): bigint => BigInt(hashKeyRange?.startingHashKey ?? 0);

/** The part of a parent's memory that belongs to a shard: what is above it and below it is cut off. */
function partOf(memory: Memory, parent: Span, own: Span, persistence: ReadonlyMap<string, Persistence>): Memory {
  if (parent.start >= own.start && parent.end <= own.end) return memory;
  const part = new Map<string, unknown>();
  for (const [operator, kept] of memory) {
    const known = operatorOf(persistence, operator);
    const upper = own.start > parent.start ? known.split(kept, own.start)[1] : kept;
    part.set(operator, own.end < parent.end ? known.split(upper, own.end + 1n)[0] : upper);
  }
  return part;
}

function mergeMemories(lower: Memory, upper: Memory, persistence: ReadonlyMap<string, Persistence>): Memory {
  const merged = new Map(lower);
  for (const [operator, kept] of upper) {
    const before = merged.get(operator);
    merged.set(operator, merged.has(operator) ? operatorOf(persistence, operator).merge(before, kept) : kept);
  }
  return merged;
}

function operatorOf(persistence: ReadonlyMap<string, Persistence>, operator: string): Persistence {
  const found = persistence.get(operator);
  if (found === undefined) throw new MillraceError('MR_INTERNAL', `no operator of the plan is called ${operator}`);
  return found;
}

function spanOf({ shardId, hashKeyRange }: { readonly shardId: string; readonly hashKeyRange?: ShardHashRange }): Span {
  if (hashKeyRange !== undefined) {
    return { start: BigInt(hashKeyRange.startingHashKey), end: BigInt(hashKeyRange.endingHashKey) };
  }
  throw new MillraceError(
    'MR_STATE_INVALID',
    `the lease of shard ${shardId} does not say which part of the hash space it has, so that state cannot be divided; wait for the next shard sync, which fills it in`,
    { subject: { shard: shardId } },
  );
}
