import { isInitialSentinel } from '../../base/position.ts';
import type { BatchIds, InheritedGroup, ShardProgress } from '../../engine/commit/manifest.ts';
import { formatPointer } from '../../engine/commit/pointer.ts';
import { writeRelocation } from '../../engine/commit/relocate.ts';
import type { Version } from '../../engine/commit/version-list.ts';
import { applicationGroup } from '../../engine/scope.ts';
import type { Lease } from '../../lease/lease.ts';
import { seekLease } from '../../lease/lease-write.ts';
import { inheritedText } from '../../receiver/inherited-state.ts';
import { type GroupView, lastOf } from './group-view.ts';
import { type Migrating, invalid, wholeView } from './migrate-parts.ts';
import { type StateMove, type StateWork, moveOf, nextEpoch, positionsOf, writeShard } from './move-group.ts';
import type { StateAdminOptions } from './open-state.ts';
import { type StateRow, isMoved } from './state-rows.ts';

/**
 * From one group a shard to one for all. Each row is marked first, so that nobody commits to it any more and none is lost
 * when this is interrupted: the mark keeps what the row named. Then the row of the application names all of them.
 */
export async function toApplication(
  { tables, applicationName, signal }: StateAdminOptions,
  { work, rows, dryRun }: Migrating,
): Promise<readonly StateMove[]> {
  const ofShards = rows.filter((row) => row.scope === 'shard');
  if (ofShards.length === 0) throw invalid(`application ${applicationName} has no state in shard scope`);
  const views: GroupView[] = [];
  for (const row of ofShards) views.push(await markMoved(row, work, dryRun, signal));
  const leases = await tables.leases(signal);
  const epochRow = await tables.epochRow(signal);
  const lasts = views.map((view) => lastOf(view) as Version);
  const before = {
    batchId: epochRow?.batchId ?? 0,
    lineage: Math.max(...lasts.map(({ manifest }) => manifest.lineage)),
    voided: await voidedBefore(rows, work, signal),
  };
  const shards = shardsOf(views, leases, work.streamName);
  if (!dryRun) {
    const text = await writeRelocation(
      work.place,
      {
        group: applicationGroup,
        scope: 'application',
        last: undefined,
        times: {
          // Batches may have been committed since a manifest that changed nothing, and gave windows.
          batchTimeMillis: Math.max(
            ...lasts.map(({ manifest }) => manifest.batchTimeMillis),
            ...views.map(({ pointer }) => pointer?.batchTimeMillis ?? 0),
          ),
          zeroTimeMillis: Math.min(...lasts.map(({ manifest }) => manifest.zeroTimeMillis)),
        },
        before,
        shards,
        state: undefined,
        inherits: inheritsOf(views, leases),
        fence: { kind: 'epoch', number: (epochRow?.epoch ?? 0) + 1 },
      },
      signal,
    );
    const outcome = await tables.writeEpoch(nextEpoch(epochRow, text, before.batchId + 1), epochRow, signal);
    if (outcome.tag === 'refused')
      throw invalid(`somebody started application ${applicationName} meanwhile; migrate again`);
  }
  return views.map((view) => moveOf(view, { shards: positionsOf(view), state: lastOf(view) }, !dryRun));
}

/** What was taken back when the application had this scope before: its sinks still have that set aside. */
async function voidedBefore(
  rows: readonly StateRow[],
  { place }: StateWork,
  signal: AbortSignal,
): Promise<readonly BatchIds[]> {
  const row = rows.find(({ scope }) => scope === 'application');
  return (row === undefined ? undefined : lastOf(await wholeView(row, place, signal)))?.manifest.voided ?? [];
}

async function markMoved(row: StateRow, work: StateWork, dryRun: boolean, signal: AbortSignal): Promise<GroupView> {
  let now: StateRow = row;
  for (;;) {
    const view: GroupView = await wholeView(now, work.place, signal);
    if (dryRun || now.scope !== 'shard' || view.pointer === undefined || isMoved(now)) return view;
    const text = formatPointer({ ...view.pointer, movedTo: 'application' });
    const write = seekLease(now.lease, now.lease.checkpoint, undefined, { state: text }, now.lease.caughtUpAtMillis);
    const refused = await writeShard(work, now, write, signal);
    if (refused === undefined) return view;
    now = refused;
  }
}

/** How far each shard is: by what it committed, else by its row where that is further than a beginning. */
function shardsOf(views: readonly GroupView[], leases: readonly Lease[], streamName: string): readonly ShardProgress[] {
  const shards = new Map<string, ShardProgress>();
  for (const view of views) {
    for (const shard of lastOf(view)?.manifest.shards ?? []) shards.set(shard.shardId, shard);
  }
  for (const { leaseKey: shardId, checkpoint: position } of leases) {
    if (!shards.has(shardId) && !isInitialSentinel(position)) shards.set(shardId, { shardId, streamName, position });
  }
  return [...shards.values()];
}

/** The groups whose state counts: those that are read, and of one that ended what no child of it has taken over yet. */
function inheritsOf(views: readonly GroupView[], leases: readonly Lease[]): readonly InheritedGroup[] {
  const withState = new Set(views.map(({ row }) => (row.scope === 'shard' ? row.lease.leaseKey : '')));
  return views.flatMap((view): InheritedGroup[] => {
    const { row, pointer, group } = view;
    if (row.scope !== 'shard' || pointer === undefined) return [];
    const { leaseKey, hashKeyRange } = row.lease;
    const { movedTo: _movedTo, ...held } = pointer;
    const own = { group, pointer: formatPointer(held), ...(hashKeyRange === undefined ? {} : { hashKeyRange }) };
    const isEnded = lastOf(view)?.manifest.shards.every(({ position }) => position.kind === 'SHARD_END') === true;
    if (!isEnded) return [own];
    const children = leases.filter(({ parentShardIds }) => parentShardIds.includes(leaseKey));
    if (children.length === 0) return [own];
    const heirs = children.filter((child) => !withState.has(child.leaseKey));
    // A merge has one child, which takes all; of a split each takes its part.
    if (heirs.length === children.length) return [own];
    return heirs.map(({ hashKeyRange: part }) => ({ ...own, ...(part === undefined ? {} : { part }) }));
  });
}

/**
 * From the one group for all to one a shard: each row names it, and takes its part of it when the shard begins. What the
 * parents of a shard left before the state was in the one group is named no more: it lacks all that was counted since.
 *
 * A shard that waits for a parent takes what its parents leave, and the one that has ended leaves its part of the group:
 *
 *   1. two shards are merged; the application has read one of them to its end, and not the other
 *   2. the state is brought to shard scope: the other goes on with its part of it, and leaves that to the child
 *   3. by that alone the child would lack what was counted of the one that had ended
 */
export async function toShards(
  { tables, applicationName, signal }: StateAdminOptions,
  { work, rows, dryRun }: Migrating,
): Promise<readonly StateMove[]> {
  const row = rows.find((one) => one.scope === 'application');
  if (row === undefined) throw invalid(`application ${applicationName} has no state in application scope`);
  // Before anything is marked: an application that is cannot be started any more, and nothing else fills in what is missing.
  leaversOf(lastOf(await wholeView(row, work.place, signal)) as Version, await tables.leases(signal));
  const view = await markApplication(row, work, dryRun, signal);
  const { pointer } = view;
  const last = lastOf(view) as Version;
  const move = moveOf(view, { shards: positionsOf(view), state: last }, !dryRun);
  if (dryRun || pointer === undefined) return [move];
  const { movedTo: _movedTo, ...held } = pointer;
  const whole = { startingHashKey: '0', endingHashKey: ((1n << 128n) - 1n).toString() };
  const positions = positionsIn(last);
  const epoch = row.scope === 'application' ? row.row.epoch : 0;
  const leases = await tables.leases(signal);
  const leaving = new Set(leaversOf(last, leases).map(({ leaseKey }) => leaseKey));
  const whatIsLeft = { group: applicationGroup, pointer: formatPointer(held), hashKeyRange: whole };
  for (const lease of leases) {
    const progress = positions.get(lease.leaseKey);
    const named = { leaseKey: applicationGroup, tenure: epoch, hashKeyRange: whole };
    const inherit = isWaiting(lease, positions)
      ? {}
      : { inherit: [inheritedText({ ...lease, ...named }, whatIsLeft.pointer)] };
    let now: Lease | undefined = lease;
    while (now !== undefined) {
      const place = progress?.position ?? now.checkpoint;
      const state = leaving.has(lease.leaseKey) ? await leftAtEnd(now, { last, whatIsLeft }, work, signal) : null;
      const write = seekLease(now, place, progress?.initialTimestampMillis, { state, ...inherit });
      const written = await tables.writeLease(write, signal);
      now = written.outcome === 'applied' ? undefined : written.lease;
    }
  }
  return [move];
}

type Positions = ReadonlyMap<string, ShardProgress>;

function positionsIn({ manifest }: Version): Positions {
  return new Map(manifest.shards.map((shard) => [shard.shardId, shard]));
}

/** Whether a shard takes what its parents leave, since one of them is still read. */
function isWaiting({ leaseKey, parentShardIds }: Lease, positions: Positions): boolean {
  if (positions.has(leaseKey)) return false;
  return parentShardIds.some((parent) => (positions.get(parent)?.position.kind ?? 'SHARD_END') !== 'SHARD_END');
}

/**
 * The shards that have ended and have a child that waits for another parent; pure.
 * @throws MillraceError `MR_CONFIG_INVALID` where the lease of one does not say which part of the state is its own
 */
function leaversOf(last: Version, leases: readonly Lease[]): readonly Lease[] {
  const positions = positionsIn(last);
  const awaited = new Set(leases.flatMap((lease) => (isWaiting(lease, positions) ? lease.parentShardIds : [])));
  const isEnded = (shardId: string) => positions.get(shardId)?.position.kind === 'SHARD_END';
  const leavers = leases.filter(({ leaseKey }) => awaited.has(leaseKey) && isEnded(leaseKey));
  const unknown = leavers.find(({ hashKeyRange }) => hashKeyRange === undefined);
  if (unknown === undefined) return leavers;
  throw invalid(
    `the lease of shard ${unknown.leaseKey} does not say which part of the hash space it has, so that its state cannot be left to its child; let the application run until the next shard sync, which fills it in, and migrate then`,
  );
}

/** Writes down that a shard has ended with its part of the state; answers the text for its row. */
function leftAtEnd(
  { leaseKey, leaseCounter, hashKeyRange: part }: Lease,
  { last, whatIsLeft }: { readonly last: Version; readonly whatIsLeft: InheritedGroup },
  { place }: StateWork,
  signal: AbortSignal,
): Promise<string> {
  const { batchId, lineage, batchTimeMillis, zeroTimeMillis, shards } = last.manifest;
  return writeRelocation(
    place,
    {
      group: leaseKey,
      scope: 'shard',
      last: undefined,
      times: { batchTimeMillis, zeroTimeMillis },
      before: { batchId, lineage },
      shards: shards.filter(({ shardId }) => shardId === leaseKey),
      state: undefined,
      inherits: [{ ...whatIsLeft, ...(part === undefined ? {} : { part }) }],
      fence: { kind: 'tenure', number: leaseCounter + 1 },
    },
    signal,
  );
}

async function markApplication(
  row: StateRow,
  work: StateWork,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<GroupView> {
  let now: StateRow = row;
  for (;;) {
    const view: GroupView = await wholeView(now, work.place, signal);
    if (dryRun || now.scope !== 'application' || view.pointer === undefined || isMoved(now)) return view;
    const text = formatPointer({ ...view.pointer, movedTo: 'shard' });
    const outcome = await work.tables.writeEpoch(nextEpoch(now.row, text, now.row.batchId), now.row, signal);
    if (outcome.tag === 'applied') return view;
    if (outcome.row?.pointer === undefined) throw invalid('the row of the application is gone');
    now = { ...now, row: outcome.row, text: outcome.row.pointer };
  }
}
