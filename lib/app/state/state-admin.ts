import { MillraceError } from '../../base/error.ts';
import { SHARD_END, TRIM_HORIZON, comparePositions, formatPosition } from '../../base/position.ts';
import type { ShardProgress } from '../../engine/commit/manifest.ts';
import type { Version } from '../../engine/commit/version-list.ts';
import type { Lease } from '../../lease/lease.ts';
import { type GroupView, type StateFault, lastOf, viewGroup } from './group-view.ts';
import { type StateMigration, migrate } from './migrate.ts';
import { type Destination, type StateMove, type StateWork, moveGroup, moveOf, positionsOf } from './move-group.ts';
import { type StateAdminOptions, openState } from './open-state.ts';
import { bringBack, checkLeased } from './rewind-rows.ts';
import { type RewindStep, type RewindTarget, notKept, planRewind } from './rewind-plan.ts';
import type { StateRow } from './state-rows.ts';

/** One committed version of a group. */
export interface StateVersionView {
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly lineage: number;
  /** Up to where the records of each shard are in it, by shard id. */
  readonly positions: Readonly<Record<string, string>>;
  /** The ids of the operators that it holds state of. */
  readonly operators: readonly string[];
  /** Of each of them, the `version` of its values' shape (`convertState`); 0 where the program named none. */
  readonly shapeVersions: Readonly<Record<string, number>>;
  /** Shards of which records were lost to retention before they were counted, with the last place where. */
  readonly gaps: readonly StateGapView[];
}

/** Records of a shard that no state holds: retention had passed the committed position (`onTrimmedPosition`). */
export interface StateGapView {
  readonly shardId: string;
  /** Of the records after this position some may have been lost. */
  readonly after: string;
  /** The batch that went on behind it. */
  readonly batchId: number;
  readonly batchTimeMillis: number;
}

/** A commit group: a shard in `shard` scope, all shards together in `application` scope. */
export interface StateGroupView {
  readonly group: string;
  readonly batchId: number;
  readonly lineage: number;
  /** Where its state is, for people. */
  readonly location?: string;
  /** What can be gone back to, the oldest first. */
  readonly versions: readonly StateVersionView[];
  /** What is wrong with its last version; absent where all of it was read and is whole. */
  readonly fault?: StateFault;
}

/** All that an application has committed. */
export interface StateView {
  readonly applicationName: string;
  /** Absent while nothing was committed. */
  readonly scope?: 'shard' | 'application';
  readonly groups: readonly StateGroupView[];
}

/** What to go back to. */
export interface RewindRequest {
  /** A version: of a batch (of one group), so many before the last one, or the newest of a batch time or before it. */
  readonly to: RewindTarget;
  /** The shards to take back, in `shard` scope; default all. */
  readonly shards?: readonly string[];
  /**
   * Goes back also where the stream may have trimmed records that the version had not counted; default false. Kinesis is not
   * asked then. Whether such a shard is read is up to `onTrimmedPosition` of the program.
   */
  readonly force?: boolean;
  /** Only says what would be done, and refuses what would be refused; default false. */
  readonly dryRun?: boolean;
}

/** Looks at what a streaming program has committed, and changes it, from outside of the program. */
export interface StateAdmin {
  /**
   * What was committed, group by group, with the versions that can be gone back to; reads all of each last version.
   * @throws MillraceError `MR_STATE_UNREACHABLE` where the place does not answer
   */
  inspect(): Promise<StateView>;
  /**
   * Goes back to earlier versions: state and positions together, so that no record counts twice or is left out. Each group is
   * one conditional write, which ends the tenure of whoever holds it; what was committed since is void. Before the first write
   * Kinesis is asked whether the stream still has what is to be read again (of its own stream, where the program has several).
   * @throws MillraceError `MR_CONFIG_INVALID` for a version that is not kept, naming those that are, and in `application` scope
   * for one in which a shard was still read whose lease is deleted; `MR_POSITION_TRIMMED` for
   * one whose following records the stream may have trimmed, unless `force`; `MR_STATE_UNREACHABLE`; what Kinesis refuses
   */
  rewind(request: RewindRequest): Promise<readonly StateMove[]>;
  /**
   * Brings the state to another place or to the other scope, or gives it up (`discardState`); the positions stay. Stop all
   * workers first: a lease that somebody holds is refused.
   * @throws MillraceError `MR_CONFIG_INVALID` where a worker runs; `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`
   */
  migrate(request: StateMigration): Promise<readonly StateMove[]>;
}

/** Makes an administrator of state; nothing is read before it is asked. */
export function createStateAdmin(options: StateAdminOptions): StateAdmin {
  return {
    inspect: () => inspect(options),
    rewind: (request) => rewind(options, request),
    migrate: (request) => migrate(options, request),
  };
}

async function inspect(options: StateAdminOptions): Promise<StateView> {
  const { applicationName, signal } = options;
  const state = await openState(options);
  if (state === undefined) return { applicationName, groups: [] };
  const { work, rows } = state;
  const groups: StateGroupView[] = [];
  for (const row of rows) groups.push(groupOf(await viewGroup(row, work.place, signal)));
  return { applicationName, scope: (rows[0] as StateRow).scope, groups };
}

function groupOf({ group, pointer, versions, fault }: GroupView): StateGroupView {
  return {
    group,
    batchId: pointer?.batchId ?? 0,
    lineage: pointer?.lineage ?? 0,
    ...(pointer?.location === undefined ? {} : { location: pointer.location }),
    versions: versions.map(versionOf),
    ...(fault === undefined ? {} : { fault }),
  };
}

function versionOf({ manifest }: Version): StateVersionView {
  const { batchId, batchTimeMillis, lineage, shards, state } = manifest;
  const positions = Object.fromEntries(shards.map(({ shardId, position }) => [shardId, formatPosition(position)]));
  const { operators = [], versions = {} } = state ?? {};
  const versionOfShape = (operator: string) => (Object.hasOwn(versions, operator) ? (versions[operator] ?? 0) : 0);
  const shapeVersions = Object.fromEntries(operators.map((operator) => [operator, versionOfShape(operator)]));
  const gaps = shards.flatMap(({ shardId, gap }) =>
    gap === undefined ? [] : [{ ...gap, shardId, after: formatPosition(gap.after) }],
  );
  return { batchId, batchTimeMillis, lineage, positions, operators, shapeVersions, gaps };
}

async function rewind(options: StateAdminOptions, request: RewindRequest): Promise<readonly StateMove[]> {
  const { signal } = options;
  const state = await openState(options);
  if (state === undefined) throw nothing(options.applicationName);
  const { work, rows } = state;
  const views: GroupView[] = [];
  for (const row of chosen(rows, request.shards)) views.push(await viewGroup(row, work.place, signal));
  const steps = planRewind(views, request.to);
  const leases = await options.tables.leases(signal);
  const moving = steps.filter((step) => step.action !== 'keep');
  const { dryRun = false, force = false } = request;
  const places = moving.flatMap((step) => placesOf(step, leases, work.streamName));
  // Of a place that was forced nothing is known: whoever begins there looks whether its record is there.
  const since = force ? new Map(places.map(({ shardId }) => [shardId, 0])) : await options.kept.since(places, signal);
  const moves: StateMove[] = [];
  for (const step of moving) moves.push(await perform(step, { work, leases, dryRun, since }, signal));
  return moves;
}

/** The places of the stream from which shards would be read again, as far as they change. */
function placesOf(step: MovingStep, leases: readonly Lease[], streamName: string): readonly ShardProgress[] {
  const { view } = step;
  const before = new Map(positionsOf(view).map((shard) => [shard.shardId, shard.position]));
  return destinationOf(step, view, leases, streamName).shards.filter((shard) => {
    if (shard.streamName !== '' && shard.streamName !== streamName) return false;
    const from = before.get(shard.shardId);
    const isMoved = from === undefined || comparePositions(from, shard.position) !== 0;
    return isMoved && shard.position.kind !== 'SHARD_END';
  });
}

interface Performing {
  readonly work: StateWork;
  readonly leases: readonly Lease[];
  readonly dryRun: boolean;
  /** See `KeptRecords`. */
  readonly since: ReadonlyMap<string, number>;
}

type MovingStep = Exclude<RewindStep, { action: 'keep' }>;

async function perform(
  step: MovingStep,
  { work, leases, dryRun, since }: Performing,
  signal: AbortSignal,
): Promise<StateMove> {
  const { view } = step;
  let shards: readonly ShardProgress[] = [];
  const choose = (now: GroupView) => {
    const destination = destinationOf(step, now, leases, work.streamName);
    ({ shards } = destination);
    return { ...destination, since };
  };
  if (dryRun) return moveOf(view, choose(view), false);
  const move = await moveGroup(work, view, choose, signal);
  const own = shards.filter(({ streamName }) => streamName === work.streamName);
  if (view.row.scope === 'application') await bringBack(work.tables, own, leases, signal);
  return move;
}

function destinationOf(step: MovingStep, now: GroupView, leases: readonly Lease[], ownStream: string): Destination {
  if (step.action === 'move') {
    // The group may have committed since, and what was kept then may be removed.
    if (!now.versions.some(({ name }) => name === step.version.name)) throw notKept(step.version, now);
    const { version } = step;
    const shards = shardsAt(version, now, leases, ownStream);
    if (now.row.scope === 'application') checkLeased({ version, now, shards, leases, ownStream });
    return { shards, state: version };
  }
  // A shard begins anew, with what its parents will have left.
  const shards = positionsOf(now).map(({ shardId, streamName }) => ({ shardId, streamName, position: TRIM_HORIZON }));
  return { shards, state: undefined, anew: 'VOID' };
}

/**
 * The positions of a version; shards that came later begin at their beginning again. They are named although they have no
 * records in it: where a shard has no entry, what its row says of it would count.
 */
function shardsAt(
  version: Version,
  now: GroupView,
  leases: readonly Lease[],
  ownStream: string,
): readonly ShardProgress[] {
  const { shards } = version.manifest;
  if (now.row.scope === 'shard') return shards;
  const all = new Map(shards.map((shard) => [keyOf(shard), shard]));
  const later = leases.filter(({ parentShardIds }) => parentShardIds.length > 0);
  for (const { shardId, streamName } of [
    ...positionsOf(now),
    ...later.map(({ leaseKey }) => ({ shardId: leaseKey, streamName: ownStream })),
  ]) {
    const shard = { shardId, streamName, position: TRIM_HORIZON };
    if (!all.has(keyOf(shard))) all.set(keyOf(shard), shard);
  }
  return [...all.values()];
}

const keyOf = ({ streamName, shardId }: Pick<ShardProgress, 'streamName' | 'shardId'>) => `${streamName}:${shardId}`;

/** The rows of some shards. */
export function chosen(rows: readonly StateRow[], shards: readonly string[] | undefined): readonly StateRow[] {
  if (shards === undefined) return rows;
  if (rows.some(({ scope }) => scope === 'application')) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      'shards were named, and the application commits all its shards together: leave shards out',
      { subject: { option: 'shards' } },
    );
  }
  const unknown = shards.filter(
    (shardId) => !rows.some((row) => row.scope === 'shard' && row.lease.leaseKey === shardId),
  );
  if (unknown.length === 0) return rows.filter((row) => row.scope === 'shard' && shards.includes(row.lease.leaseKey));
  throw new MillraceError('MR_CONFIG_INVALID', `shards: ${unknown.join(', ')} committed no state`, {
    subject: { option: 'shards' },
  });
}

/** Whether all that a group reads has ended. */
export function hasEnded(view: GroupView): boolean {
  const shards = lastOf(view)?.manifest.shards ?? [];
  return shards.length > 0 && shards.every(({ position }) => comparePositions(position, SHARD_END) === 0);
}

/** There is no state to work on. */
export function nothing(applicationName: string): MillraceError {
  return new MillraceError(
    'MR_CONFIG_INVALID',
    `application ${applicationName} has committed no state: see that the name, the region and the table are those of the program`,
    { subject: { option: 'applicationName' } },
  );
}
