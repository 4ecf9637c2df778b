import { MillraceError, isMillraceError } from '../../base/error.ts';
import { parsePointer } from '../../engine/commit/pointer.ts';
import { readManifestOf } from '../../engine/commit/version-list.ts';
import type { Lease } from '../../lease/lease.ts';
import { inheritedStates } from '../../receiver/inherited-state.ts';
import type { StateWork } from './move-group.ts';

/** The child of a parent that a seek does not move, and which has no lease any more. */
export interface Heir {
  readonly shardId: string;
  readonly parent: string;
  /** The text of the pointer that the parent ended with. */
  readonly state: string;
}

/**
 * Which shards would begin anew, by a seek that gives their state up, with what a parent left that is not read again; pure.
 * A parent that has a lease has its state, too; that of one without may be removed.
 */
export function heirsOf(moved: ReadonlySet<string>, leases: readonly Lease[]): readonly Heir[] {
  const leased = new Set(leases.map(({ leaseKey }) => leaseKey));
  return leases.flatMap(({ leaseKey: shardId, parentShardIds, engineState, engineInherit = [] }) => {
    const isHeir =
      moved.has(shardId) && engineState !== undefined && parentShardIds.some((parent) => moved.has(parent));
    if (!isHeir) return [];
    return inheritedStates(engineInherit).flatMap(({ shardId: parent, state }) => {
      const isRead = moved.has(parent) || leased.has(parent) || !parentShardIds.includes(parent);
      return isRead ? [] : [{ shardId, parent, state }];
    });
  });
}

/**
 * Refuses a seek after which a shard could not begin, before anything is written.
 * @throws MillraceError `MR_SEEK_STATE`
 */
export async function checkHeirs(
  { place }: Pick<StateWork, 'place'>,
  heirs: readonly Heir[],
  signal: AbortSignal,
): Promise<void> {
  for (const { shardId, parent, state } of heirs) {
    try {
      await readManifestOf(place, parsePointer(state, `lease ${shardId}`), signal);
    } catch (thrown) {
      if (!isMillraceError(thrown, 'MR_STATE_UNREACHABLE')) throw thrown;
      throw new MillraceError(
        'MR_SEEK_STATE',
        `shard ${shardId} would begin anew with what its parents leave, and what ${parent} left is removed, and would not be read again: ` +
          `seek ${parent} with it, or ${shardId} by itself, so that it begins with none`,
        { subject: { option: 'shards', shard: shardId }, cause: thrown },
      );
    }
  }
}
