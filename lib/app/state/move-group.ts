import { MillraceError } from '../../base/error.ts';
import { comparePositions, formatPosition } from '../../base/position.ts';
import type { Random } from '../../base/random.ts';
import type { EpochRow } from '../../engine/commit/epoch-table.ts';
import type { InheritedGroup, ShardProgress } from '../../engine/commit/manifest.ts';
import { writeRelocation } from '../../engine/commit/relocate.ts';
import type { Version, VersionPlace } from '../../engine/commit/version-list.ts';
import { applicationGroup } from '../../engine/scope.ts';
import { type LeaseWrite, seekLease } from '../../lease/lease-write.ts';
import { type GroupView, lastOf, viewGroup } from './group-view.ts';
import type { StateRow } from './state-rows.ts';
import type { StateTables } from './state-tables.ts';

/** What changes of state are made with. */
export interface StateWork {
  readonly tables: StateTables;
  readonly place: VersionPlace & { readonly random: Random };
  readonly streamName: string;
}

/** Where a group goes on from. */
export interface Destination {
  readonly shards: readonly ShardProgress[];
  /** The version whose state holds; `undefined`: state begins empty. */
  readonly state: Version | undefined;
  readonly inherits?: readonly InheritedGroup[];
  /** See `Relocation`. */
  readonly anew?: 'KEEP' | 'VOID';
  /** What the row of a shard says of when the records were put that follow its new place (`caughtUpAtMillis`). */
  readonly since?: ReadonlyMap<string, number>;
}

/** What was done to one group, or would be. */
export interface StateMove {
  readonly group: string;
  /** The batch id of the last commit before. */
  readonly fromBatchId: number;
  /** The batch whose state holds now; absent where state begins empty. */
  readonly stateOfBatchId?: number;
  /** Every shard whose position changes. */
  readonly shards: readonly { readonly shardId: string; readonly from?: string; readonly to: string }[];
  /** The process from which the group was taken. */
  readonly evicted?: string;
  readonly applied: boolean;
}

/** How often a row is read anew that changes meanwhile: whoever holds it commits a few times a second at most. */
const maximumAttempts = 20;

/** Chooses where a group goes on from, seeing it as it is. */
export type Choose = (view: GroupView) => Destination;

/**
 * Moves a group: position, lineage and version of the state in one conditional write, which also ends the tenure or epoch
 * of whoever holds it. One that commits meanwhile makes the write fail; then the choice is made again from what it left.
 * @throws MillraceError what `choose` throws; `MR_INTERNAL` when the row changes at every attempt
 */
export async function moveGroup(
  work: StateWork,
  view: GroupView,
  choose: Choose,
  signal: AbortSignal,
): Promise<StateMove> {
  let now = view;
  for (let attempt = 1; attempt <= maximumAttempts; attempt += 1) {
    const destination = choose(now);
    const refused = await writeOnce(work, now, destination, signal);
    if (refused === undefined) return moveOf(now, destination, true);
    now = await viewGroup(refused, work.place, signal);
  }
  throw changed(view.group);
}

/** What {@link moveGroup} would do. */
export function moveOf(view: GroupView, { shards, state }: Destination, applied: boolean): StateMove {
  const { row, group, pointer } = view;
  const before = new Map(positionsOf(view).map(({ shardId, position }) => [shardId, position]));
  const evicted = holderOf(row);
  return {
    group,
    fromBatchId: pointer?.batchId ?? 0,
    ...(state === undefined ? {} : { stateOfBatchId: state.manifest.batchId }),
    shards: shards.flatMap(({ shardId, position }) => {
      const from = before.get(shardId);
      if (from !== undefined && comparePositions(from, position) === 0) return [];
      return [{ shardId, ...(from === undefined ? {} : { from: formatPosition(from) }), to: formatPosition(position) }];
    }),
    ...(evicted === undefined ? {} : { evicted }),
    applied,
  };
}

/** How far the shards of a group are committed; of one whose versions cannot be read, what its row says. */
export function positionsOf(view: GroupView): readonly ShardProgress[] {
  const last = lastOf(view) ?? view.versions.at(-1);
  const { row } = view;
  if (row.scope === 'application') return last?.manifest.shards ?? [];
  const { leaseKey: shardId, checkpoint, initialTimestampMillis } = row.lease;
  const known = last?.manifest.shards.find((shard) => shard.shardId === shardId);
  return [
    {
      shardId,
      streamName: known?.streamName ?? '',
      position: checkpoint,
      ...(initialTimestampMillis === undefined ? {} : { initialTimestampMillis }),
    },
  ];
}

/** The row as it is now when it changed meanwhile; `undefined` when the write was applied. */
async function writeOnce(
  work: StateWork,
  view: GroupView,
  destination: Destination,
  signal: AbortSignal,
): Promise<StateRow | undefined> {
  const { row } = view;
  const text = await relocationText(work, view, destination, signal);
  if (row.scope === 'application') return writeApplication(work, row, text, signal);
  const [shard] = destination.shards;
  const position = shard?.position ?? row.lease.checkpoint;
  const isOver = position.kind === 'SHARD_END';
  const since = isOver ? undefined : destination.since?.get(row.lease.leaseKey);
  const write = seekLease(row.lease, position, shard?.initialTimestampMillis, { state: text }, since);
  return writeShard(work, row, write, signal);
}

/** The text of a pointer that puts a group elsewhere, written down and not yet named by its row. */
export async function relocationText(
  work: StateWork,
  view: GroupView,
  { shards, state, inherits, anew }: Destination,
  signal: AbortSignal,
): Promise<string> {
  const { row, group } = view;
  const number = row.scope === 'application' ? row.row.epoch + 1 : row.lease.leaseCounter + 1;
  return writeRelocation(
    work.place,
    {
      group,
      scope: row.scope,
      last: lastOf(view),
      before: before(view),
      shards: shards.map((shard) => ({ ...shard, streamName: shard.streamName || work.streamName })),
      state,
      ...(inherits === undefined ? {} : { inherits }),
      ...(anew === undefined ? {} : { anew }),
      fence: { kind: row.scope === 'application' ? 'epoch' : 'tenure', number },
    },
    signal,
  );
}

/** Where the group stands, also when its last version cannot be read. */
function before({ pointer, versions }: GroupView) {
  const { batchId = 0, voided } = versions.at(-1)?.manifest ?? {};
  return { ...(pointer ?? { batchId, lineage: 0 }), ...(voided === undefined ? {} : { voided }) };
}

/** Writes a row of a shard; the row as it is now when it was refused. */
export async function writeShard(
  { tables }: Pick<StateWork, 'tables'>,
  row: Extract<StateRow, { scope: 'shard' }>,
  write: LeaseWrite,
  signal: AbortSignal,
): Promise<StateRow | undefined> {
  const written = await tables.writeLease(write, signal);
  if (written.outcome === 'applied') return undefined;
  const { lease } = written;
  if (lease?.engineState === undefined) throw changed(row.group);
  return { ...row, lease, text: lease.engineState };
}

/** The next row of an application, held by nobody. */
export function nextEpoch(row: EpochRow | undefined, pointer: string, batchId: number): EpochRow {
  return {
    epoch: (row?.epoch ?? 0) + 1,
    owner: 'millrace state',
    counter: (row?.counter ?? 0) + 1,
    leaseDurationMillis: row?.leaseDurationMillis ?? 10_000,
    batchId,
    pointer,
    isReleased: true,
  };
}

async function writeApplication(
  { tables }: StateWork,
  { where, row }: Extract<StateRow, { scope: 'application' }>,
  text: string,
  signal: AbortSignal,
): Promise<StateRow | undefined> {
  const batchId = (JSON.parse(text) as { readonly batchId: number }).batchId;
  const outcome = await tables.writeEpoch(nextEpoch(row, text, batchId), row, signal);
  if (outcome.tag === 'applied' || outcome.row?.pointer === text) return undefined;
  if (outcome.row?.pointer === undefined) throw changed(applicationGroup);
  return { scope: 'application', group: applicationGroup, where, text: outcome.row.pointer, row: outcome.row };
}

function holderOf(row: StateRow): string | undefined {
  if (row.scope === 'application') return row.row.isReleased ? undefined : row.row.owner;
  return row.lease.checkpointOwner ?? row.lease.leaseOwner;
}

function changed(group: string): MillraceError {
  return new MillraceError(
    'MR_INTERNAL',
    `the row of ${group} changed at each attempt to move it, or is gone; try again`,
  );
}
