import { MillraceError } from '../../base/error.ts';
import type { ShardProgress } from '../../engine/commit/manifest.ts';
import type { Version } from '../../engine/commit/version-list.ts';
import { type SeekMove, type SeekOptions, seekLeases } from '../../lease/seeker.ts';
import { type PlaceOfSeek, placeOf } from '../../lease/plan/seek-plan.ts';
import { type GroupView, lastOf, versionAfter, viewGroup } from './group-view.ts';
import { type StateWork, moveGroup, relocationText } from './move-group.ts';
import { type StateAdminOptions, openState } from './open-state.ts';
import { checkHeirs, heirsOf } from './seek-heirs.ts';
import { type StateRow, isMoved, readStateRows } from './state-rows.ts';

/**
 * What becomes of an engine's state when its positions are moved. `'KEEP'`: it stays, so that records that are read again
 * count again, and records that are left out never count. `'EMPTY'`: it begins with none. A version: that one holds again.
 */
export type SeekState = 'KEEP' | 'EMPTY' | { readonly batchId: number };

/** Where an application's groups are to be, and with which state. */
export interface SeekOfState {
  readonly work: StateWork;
  readonly place: PlaceOfSeek;
  readonly state: SeekState;
}

/** What a seek of an application works with, whether it has state or not. */
export interface SeekWithState extends StateAdminOptions {
  readonly seek: SeekOptions;
  readonly state: SeekState | undefined;
}

/**
 * Moves the leases of an application, and its state with them where it has committed any. In `application` scope the one
 * row that counts is written first; the leases follow, and whoever goes on from that row brings them there, too.
 * @throws MillraceError `MR_SEEK_STATE` where there is state, and nothing is said about it; what `seekLeases` throws
 */
export async function seekWithState(options: SeekWithState, signal: AbortSignal): Promise<readonly SeekMove[]> {
  const { seek, state } = options;
  const rows = await readStateRows(options.tables, options.applicationName, signal);
  const moved = rows.find(isMoved);
  if (moved === undefined && rows.length === 0) return seekLeases(seek, signal);
  if (state === undefined || (state !== 'KEEP' && state !== 'EMPTY' && !Number.isSafeInteger(state.batchId))) {
    throw new MillraceError(
      'MR_SEEK_STATE',
      `application ${options.applicationName} has committed state that goes with its positions: say what becomes of it (state, --state): KEEP, EMPTY or a version, or go back with it (rewind)`,
      { subject: { option: 'state' } },
    );
  }
  const opened = await openState(options);
  if (opened === undefined) return seekLeases(seek, signal);
  const { work } = opened;
  const moving = { ...seek, moveState: stateMover({ work, state }) };
  const [row] = opened.rows;
  const planned = await seekLeases({ ...moving, dryRun: true }, signal);
  const shardIds = planned.map(({ shardId }) => shardId);
  if (row?.scope !== 'application') {
    const leases = state === 'EMPTY' ? await options.tables.leases(signal) : [];
    await checkHeirs(work, heirsOf(new Set(shardIds), leases), signal);
    return seek.dryRun ? planned : seekLeases(moving, signal);
  }
  if (seek.dryRun) return planned;
  await seekApplication(row, shardIds, { work, place: placeOf(seek.target), state }, signal);
  return seekLeases(moving, signal);
}

/**
 * Moves the one group of an application: all shards that are named, in one write.
 * @throws MillraceError `MR_SEEK_STATE` for a version that is not kept
 */
export async function seekApplication(
  row: Extract<StateRow, { scope: 'application' }>,
  shardIds: readonly string[],
  { work, place, state }: SeekOfState,
  signal: AbortSignal,
): Promise<void> {
  const { streamName } = work;
  const moved = new Map(shardIds.map((shardId) => [shardId, progressOf({ shardId, streamName }, place)]));
  const view = await viewGroup(row, work.place, signal);
  await moveGroup(
    work,
    view,
    (now) => {
      const others = (lastOf(now) ?? now.versions.at(-1))?.manifest.shards ?? [];
      const rest = others.filter((shard) => shard.streamName !== streamName || !moved.has(shard.shardId));
      return { shards: [...rest, ...moved.values()], state: versionFor(now, state) };
    },
    signal,
  );
}

/** What a seek writes into the row of a shard beside its position. */
export function stateMover({ work, state }: Omit<SeekOfState, 'place'>): NonNullable<SeekOptions['moveState']> {
  return async (lease, { isHeir, ...place }, signal) => {
    const { engineState: text, leaseKey } = lease;
    if (text === undefined) return {};
    const row: StateRow = { scope: 'shard', group: leaseKey, where: `lease ${leaseKey}`, text, lease };
    const view = await viewGroup(row, work.place, signal);
    const streamName = lastOf(view)?.manifest.shards[0]?.streamName ?? work.streamName;
    const shards = [progressOf({ shardId: leaseKey, streamName }, place)];
    // It takes what its parents will have left when they are read to their ends again.
    const destination =
      state === 'EMPTY' && isHeir
        ? { shards, state: undefined, anew: 'KEEP' as const }
        : { shards, state: versionFor(view, state) };
    return { state: await relocationText(work, view, destination, signal) };
  };
}

function progressOf(
  shard: Pick<ShardProgress, 'shardId' | 'streamName'>,
  { checkpoint: position, initialTimestampMillis }: PlaceOfSeek,
): ShardProgress {
  return { ...shard, position, ...(initialTimestampMillis === undefined ? {} : { initialTimestampMillis }) };
}

function versionFor(view: GroupView, state: SeekState): Version | undefined {
  if (state === 'EMPTY') return undefined;
  const { group, versions, fault } = view;
  const chosen = state === 'KEEP' ? lastOf(view) : versionAfter(view, state.batchId);
  if (chosen !== undefined) return chosen;
  const kept = versions.map(({ manifest }) => manifest.batchId).join(', ');
  throw new MillraceError(
    'MR_SEEK_STATE',
    state === 'KEEP'
      ? `the state of ${group} cannot be kept: ${fault?.message ?? 'it has none'}; name an earlier version (${kept}), or begin with EMPTY`
      : `${group} has no version ${state.batchId}, only ${kept === '' ? 'none' : kept}; nothing was written`,
    { subject: { option: 'state' } },
  );
}
