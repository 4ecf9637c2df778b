import type { Position } from '../base/position.ts';
import type { BlockSource } from '../block/block-source.ts';
import type { InheritedState, ShardOpening } from '../block/shard-opening.ts';
import type { Lease } from '../lease/lease.ts';
import { inheritedStates } from './inherited-state.ts';
import { type ParentGateOptions, waitForParents } from './parent-gate.ts';

/**
 * Told of a tenure before anything is read in it: answers from where. `source` is where the shard's batches are committed.
 */
export type OpenShard = (
  shard: ShardOpening,
  source: Pick<BlockSource, 'commit'>,
  signal: AbortSignal,
) => Promise<Position>;

/** What it takes to open a shard for an engine. */
export interface OpenShardOptions extends ParentGateOptions {
  readonly streamName: string;
  readonly source: Pick<BlockSource, 'commit'>;
  readonly open: OpenShard;
}

/**
 * Waits until the parents are finished, collects what they left, and asks the engine from where the shard is read. The row
 * is read again then: what the parents left is named on it only at their ends.
 */
export async function openShard(lease: Lease, options: OpenShardOptions, signal: AbortSignal): Promise<Position> {
  const { table, streamName, source, open } = options;
  await waitForParents(lease, options, signal);
  const named = (await table.get(lease.leaseKey, signal))?.engineInherit ?? lease.engineInherit ?? [];
  const inherited =
    lease.engineState === undefined ? await withRows(lease, inheritedStates(named), options, signal) : [];
  const shard: ShardOpening = {
    streamName,
    shardId: lease.leaseKey,
    tenure: lease.tenure as number,
    checkpoint: lease.checkpoint,
    parentShardIds: lease.parentShardIds,
    inherited,
    ...(lease.engineState === undefined ? {} : { state: lease.engineState }),
    ...(lease.hashKeyRange === undefined ? {} : { hashKeyRange: lease.hashKeyRange }),
  };
  return open(shard, source, signal);
}

/**
 * What stands on a parent's own row was committed with its end, and counts; what is named on the child's row serves where
 * the parent's is gone.
 */
async function withRows(
  lease: Lease,
  named: readonly InheritedState[],
  { table }: OpenShardOptions,
  signal: AbortSignal,
): Promise<readonly InheritedState[]> {
  const all: InheritedState[] = [];
  for (const parent of lease.parentShardIds) {
    const row = await table.get(parent, signal);
    const byName = named.find(({ shardId }) => shardId === parent);
    if (row?.engineState === undefined) {
      if (byName !== undefined) all.push(byName);
      continue;
    }
    const { engineState: state, hashKeyRange } = row;
    all.push({ shardId: parent, state, ...(hashKeyRange === undefined ? {} : { hashKeyRange }) });
  }
  if (all.length > 0) return all;
  // What is no parent's comes from another scope, from which the state was migrated.
  return named.filter(({ shardId }) => !lease.parentShardIds.includes(shardId));
}
