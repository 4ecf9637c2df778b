import type { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { BlockSource } from '../block/block-source.ts';
import type { InheritedState, ShardOpening, ShardStart } from '../block/shard-opening.ts';
import type { EventSink } from '../event/bus.ts';
import { type Lease, isEnded } from '../lease/lease.ts';
import { inheritedStates } from './inherited-state.ts';
import { type ParentGateOptions, waitForParents } from './parent-gate.ts';

/**
 * Told of a tenure before anything is read in it: answers from where. `source` is where the shard's batches are committed.
 */
export type OpenShard = (
  shard: ShardOpening,
  source: Pick<BlockSource, 'commit'>,
  signal: AbortSignal,
) => Promise<ShardStart>;

/** What it takes to open a shard for an engine. */
export interface OpenShardOptions extends ParentGateOptions {
  readonly streamName: string;
  readonly source: Pick<BlockSource, 'commit'>;
  readonly open: OpenShard;
  readonly random: Random;
  readonly events: EventSink;
}

/**
 * Waits until the parents are finished, collects what they left, and asks the engine from where the shard is read. The row
 * is read again then: what the parents left is named on it only at their ends. A fault that passes is tried again, and
 * a parent that is not finished any more is waited for again:
 *
 *   1. a parent is at its end, so its child is opened
 *   2. an operator takes the parent back: its row names a version of before its end now
 *   3. the child reads that row: begun with this version, it would never count what the parent reads once more
 *
 * @throws MillraceError one that does not pass, or has not for 30 s
 */
export async function openShard(lease: Lease, options: OpenShardOptions, signal: AbortSignal): Promise<ShardStart> {
  const { clock, random, events } = options;
  const onFault = ({ code, message, subject }: MillraceError) =>
    events.publish({ type: 'fault.seen', code, message, subject });
  // One lost request must not keep the shard for as long as a shard rests that failed for good.
  for (;;) {
    await waitForParents(lease, options, signal);
    const start = await retryWhilePassing(() => openOnce(lease, options, signal), { clock, random, signal, onFault });
    if (start !== 'unfinished') return start;
  }
}

async function openOnce(
  lease: Lease,
  { table, streamName, source, open }: OpenShardOptions,
  signal: AbortSignal,
): Promise<ShardStart | 'unfinished'> {
  const named = (await table.get(lease.leaseKey, signal))?.engineInherit ?? lease.engineInherit ?? [];
  // A shard with a commit of its own needs what its parents left only where a rewind or a seek has it begin anew.
  const inherited = await withRows(lease, inheritedStates(named), table, signal);
  if (inherited === 'unfinished') return inherited;
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
 * the parent's is gone. Also of a child with a commit of its own:
 *
 *   1. a parent ends in tenure 9, and its row is deleted; the row of its child names what it left, and the tenure
 *   2. a seek makes a new row of the parent, whose counter begins at 0, and has the child begin anew
 *   3. the parent ends in tenure 2: by the names alone, what it left in tenure 9 would count
 */
async function withRows(
  lease: Lease,
  named: readonly InheritedState[],
  table: OpenShardOptions['table'],
  signal: AbortSignal,
): Promise<readonly InheritedState[] | 'unfinished'> {
  const all: InheritedState[] = [];
  for (const parent of lease.parentShardIds) {
    const row = await table.get(parent, signal);
    if (row !== undefined && !isEnded(row)) return 'unfinished';
    const byName = named.find(({ shardId }) => shardId === parent);
    if (row?.engineState === undefined) {
      if (byName !== undefined) all.push(byName);
      continue;
    }
    const { engineState: state, hashKeyRange } = row;
    all.push({ shardId: parent, state, ...(hashKeyRange === undefined ? {} : { hashKeyRange }) });
  }
  if (all.length > 0) return all;
  return parentsFirst(lease, named);
}

/** What is no parent's comes from another scope, from which the state was migrated: before the parents had an end to leave. */
function parentsFirst({ parentShardIds }: Lease, named: readonly InheritedState[]): readonly InheritedState[] {
  const ofParents = named.filter(({ shardId }) => parentShardIds.includes(shardId));
  return ofParents.length > 0 ? ofParents : named;
}
