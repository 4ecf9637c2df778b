import { MillraceError } from '../../base/error.ts';
import { isInitialSentinel } from '../../base/position.ts';
import type { Random } from '../../base/random.ts';
import type { InheritedGroup, ShardProgress } from '../../engine/commit/manifest.ts';
import { formatPointer } from '../../engine/commit/pointer.ts';
import { writeRelocation } from '../../engine/commit/relocate.ts';
import { type Version, type VersionPlace, copyVersion } from '../../engine/commit/version-list.ts';
import { applicationGroup } from '../../engine/scope.ts';
import { claimName, claimStore } from '../../engine/store/store-claim.ts';
import { identityOf } from '../../engine/store/store-identity.ts';
import { namePartOf } from '../../engine/store/object-store.ts';
import { type StateStore, stateAt } from '../../engine/state-store.ts';
import type { Lease } from '../../lease/lease.ts';
import { seekLease } from '../../lease/lease-write.ts';
import { inheritedText } from '../../receiver/inherited-state.ts';
import { type GroupView, lastOf, viewGroup } from './group-view.ts';
import { type StateMove, type StateWork, moveOf, nextEpoch, positionsOf, writeShard } from './move-group.ts';
import { type StateRow, isMoved, pointerOf, readStateRows } from './state-rows.ts';
import type { StateTables } from './state-tables.ts';

/** What becomes of the state of an application; exactly one of the three. */
export interface StateMigration {
  /** Another place for it: everything that is kept is copied there, and the rows name it from then on. */
  readonly toState?: StateStore | string;
  /** The scope that the plan has now: state by key is put together, or divided by the hash keys of the shards. */
  readonly toScope?: 'shard' | 'application';
  /** Gives all state up, and removes it: the program begins with none, at the positions that were committed. */
  readonly discardState?: boolean;
  /** Only says what would be done; default false. */
  readonly dryRun?: boolean;
}

/** What {@link migrate} works with. */
export interface MigrateOptions {
  readonly tables: StateTables;
  readonly applicationName: string;
  readonly streamName: string;
  readonly store: StateStore | undefined;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/**
 * Brings the state of an application elsewhere, or gives it up. Every row is one conditional write that ends the tenure or
 * epoch of whoever holds it; one that was interrupted is done again from the beginning, and goes on where it was.
 * @throws MillraceError `MR_CONFIG_INVALID` unless one thing is asked for; the faults of state that cannot be read
 */
export async function migrate(options: MigrateOptions, request: StateMigration): Promise<readonly StateMove[]> {
  const { toState, toScope, discardState = false, dryRun = false } = request;
  const asked = [toState !== undefined, toScope !== undefined, discardState].filter(Boolean).length;
  if (asked !== 1) throw invalid('migrate takes one of toState, toScope and discardState');
  const to = typeof toState === 'string' ? stateAt(toState) : toState;
  const rows = await readStateRows(options.tables, options.applicationName, options.signal);
  if (discardState) return discard(options, rows, dryRun);
  const work = await workOf(options, rows);
  if (to !== undefined) return toPlace(options, { work, rows, to, dryRun });
  return toScope === 'application'
    ? toApplication(options, { work, rows, dryRun })
    : toShards(options, { work, rows, dryRun });
}

interface Migrating {
  readonly work: StateWork;
  readonly rows: readonly StateRow[];
  readonly dryRun: boolean;
}

async function workOf(options: MigrateOptions, rows: readonly StateRow[]): Promise<StateWork> {
  const { tables, streamName, applicationName: application, random, signal } = options;
  const store = options.store ?? storeOf(rows);
  if (rows.length === 0 || store === undefined) {
    throw invalid(
      rows.length === 0
        ? `application ${application} has committed no state`
        : 'no row says where the state is: give its place (state, --state)',
    );
  }
  return {
    tables,
    streamName,
    place: { store, storeIdentity: await identityOf(store, random, signal), application, random },
  };
}

function storeOf(rows: readonly StateRow[]): StateStore | undefined {
  for (const row of rows) {
    const read = pointerOf(row);
    if (read.tag === 'pointer' && read.pointer.location !== undefined) return stateAt(read.pointer.location);
  }
  return undefined;
}

/** Copies first, names then: whoever dies in between has copies that nothing names, and the state is where it was. */
async function toPlace(
  { tables, applicationName: application, random, signal }: MigrateOptions,
  { work, rows, to, dryRun }: Migrating & { readonly to: StateStore },
): Promise<readonly StateMove[]> {
  const storeIdentity = await identityOf(to, random, signal);
  const moves: StateMove[] = [];
  for (const row of rows.filter((one) => !isMoved(one))) {
    let now: StateRow | undefined = row;
    const read = pointerOf(row);
    if (read.tag === 'pointer' && read.pointer.store === storeIdentity) continue;
    const owner = await tables.identityOf(row.scope, signal);
    if (owner !== undefined && !dryRun) await claimStore({ store: to, application, scope: row.scope, owner }, signal);
    while (now !== undefined) {
      const view: GroupView = await wholeView(now, work.place, signal);
      const last = lastOf(view) as Version;
      const move = moveOf(view, { shards: positionsOf(view), state: last }, !dryRun);
      if (last.manifest.inherits !== undefined) {
        throw invalid(
          `${view.group} has not gone on since its scope was changed: run the program once before its state moves`,
        );
      }
      now = dryRun ? undefined : await moveOne({ work, view, to, storeIdentity }, signal);
      if (now === undefined) moves.push(move);
    }
  }
  return moves;
}

async function moveOne(
  { work, view, to, storeIdentity }: { work: StateWork; view: GroupView; to: StateStore; storeIdentity: string },
  signal: AbortSignal,
): Promise<StateRow | undefined> {
  const { row, pointer, versions } = view;
  if (pointer === undefined) return undefined;
  // Versions before the last are for rewinding; one that is damaged stays behind, and the versions after it are kept.
  for (const version of versions.toReversed()) {
    try {
      await copyVersion(work.place, version, to, signal);
    } catch (thrown) {
      if (version === versions.at(-1) || signal.aborted) throw thrown;
      break;
    }
  }
  if (pointer.plan !== undefined) {
    const bytes = await work.place.store.read(pointer.plan.name, signal);
    if (bytes !== undefined) await to.create(pointer.plan.name, bytes, signal);
  }
  const text = formatPointer({ ...pointer, store: storeIdentity, location: to.location });
  if (row.scope === 'shard') {
    return writeShard(work, row, seekLease(row.lease, row.lease.checkpoint, undefined, { state: text }), signal);
  }
  const outcome = await work.tables.writeEpoch(nextEpoch(row.row, text, row.row.batchId), row.row, signal);
  if (outcome.tag === 'applied' || outcome.row?.pointer === undefined) return undefined;
  return { ...row, row: outcome.row, text: outcome.row.pointer };
}

/**
 * From one group a shard to one for all. Each row is marked first, so that nobody commits to it any more and none is lost
 * when this is interrupted: the mark keeps what the row named. Then the row of the application names all of them.
 */
async function toApplication(
  { tables, applicationName, signal }: MigrateOptions,
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
          batchTimeMillis: Math.max(...lasts.map(({ manifest }) => manifest.batchTimeMillis)),
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

async function markMoved(row: StateRow, work: StateWork, dryRun: boolean, signal: AbortSignal): Promise<GroupView> {
  let now: StateRow = row;
  for (;;) {
    const view: GroupView = await wholeView(now, work.place, signal);
    if (dryRun || now.scope !== 'shard' || view.pointer === undefined || isMoved(now)) return view;
    const text = formatPointer({ ...view.pointer, movedTo: 'application' });
    const write = seekLease(now.lease, now.lease.checkpoint, undefined, { state: text });
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

/** From the one group for all to one a shard: each row names it, and takes its part of it when the shard begins. */
async function toShards(
  { tables, applicationName, signal }: MigrateOptions,
  { work, rows, dryRun }: Migrating,
): Promise<readonly StateMove[]> {
  const row = rows.find((one) => one.scope === 'application');
  if (row === undefined) throw invalid(`application ${applicationName} has no state in application scope`);
  const view = await markApplication(row, work, dryRun, signal);
  const { pointer } = view;
  const last = lastOf(view) as Version;
  const move = moveOf(view, { shards: positionsOf(view), state: last }, !dryRun);
  if (dryRun || pointer === undefined) return [move];
  const { movedTo: _movedTo, ...held } = pointer;
  const whole = { startingHashKey: '0', endingHashKey: ((1n << 128n) - 1n).toString() };
  const positions = new Map(last.manifest.shards.map((shard) => [shard.shardId, shard]));
  const epoch = row.scope === 'application' ? row.row.epoch : 0;
  for (const lease of await tables.leases(signal)) {
    const progress = positions.get(lease.leaseKey);
    const parents = lease.parentShardIds.map((parent) => positions.get(parent));
    // A shard whose parents are still read takes what they leave.
    const isHeir =
      progress !== undefined || parents.every((parent) => parent === undefined || parent.position.kind === 'SHARD_END');
    const named = { leaseKey: applicationGroup, tenure: epoch, hashKeyRange: whole };
    const inherit = isHeir ? { inherit: [inheritedText({ ...lease, ...named }, formatPointer(held))] } : {};
    let now: Lease | undefined = lease;
    while (now !== undefined) {
      const place = progress?.position ?? now.checkpoint;
      const write = seekLease(now, place, progress?.initialTimestampMillis, { state: null, ...inherit });
      const written = await tables.writeLease(write, signal);
      now = written.outcome === 'applied' ? undefined : written.lease;
    }
  }
  return [move];
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

/** A group as it is, also one that is marked as moved already; throws what keeps it from being read. */
async function wholeView(row: StateRow, place: VersionPlace, signal: AbortSignal): Promise<GroupView> {
  const read = pointerOf(row);
  if (read.tag === 'fault') throw read.thrown;
  const { movedTo: _movedTo, ...held } = read.pointer;
  const view = await viewGroup({ ...row, text: formatPointer(held) }, place, signal);
  if (view.fault === undefined) return { ...view, row };
  const { code, message } = view.fault;
  throw new MillraceError('MR_CONFIG_INVALID', `${view.group} cannot be brought elsewhere: ${code}: ${message}`);
}

/** Rows first, objects then: whoever dies in between leaves objects that nothing names, and the next try removes them. */
async function discard(
  options: MigrateOptions,
  rows: readonly StateRow[],
  dryRun: boolean,
): Promise<readonly StateMove[]> {
  const { tables, applicationName: application, signal } = options;
  const store = options.store ?? storeOf(rows);
  const moves: StateMove[] = [];
  for (const row of rows) {
    const view = await plainView(row, options, store);
    moves.push(moveOf(view, { shards: positionsOf(view), state: undefined }, !dryRun));
    if (!dryRun) await clear(row, view, tables, signal);
  }
  if (store === undefined || dryRun) return moves;
  const prefix = `${namePartOf(application)}/`;
  for (const name of await store.list(prefix, signal)) await store.remove(name, signal);
  for (const scope of ['shard', 'application'] as const) await store.remove(claimName({ application, scope }), signal);
  return moves;
}

async function plainView(row: StateRow, options: MigrateOptions, store: StateStore | undefined): Promise<GroupView> {
  const { applicationName: application, random, signal } = options;
  if (store === undefined) return { row, group: row.group, pointer: undefined, versions: [] };
  const storeIdentity = await identityOf(store, random, signal);
  return viewGroup(row, { store, storeIdentity, application }, signal, false);
}

/** Nothing of an engine is left on a row. */
const none = { state: null, inherit: null };

/** The positions of the application's row go to the leases, before it forgets them. */
async function clear(row: StateRow, view: GroupView, tables: StateTables, signal: AbortSignal): Promise<void> {
  if (row.scope === 'shard') {
    let lease: Lease | undefined = row.lease;
    while (lease !== undefined) {
      const written = await tables.writeLease(seekLease(lease, lease.checkpoint, undefined, none), signal);
      lease = written.outcome === 'applied' ? undefined : written.lease;
    }
    return;
  }
  const progress = isMoved(row) ? [] : positionsOf(view);
  for (const { shardId, position, initialTimestampMillis } of progress) {
    let lease = await tables.lease(shardId, signal);
    while (lease !== undefined) {
      const written = await tables.writeLease(seekLease(lease, position, initialTimestampMillis, none), signal);
      lease = written.outcome === 'applied' ? undefined : written.lease;
    }
  }
  let now = row.row;
  for (;;) {
    const { pointer: _pointer, ...next } = nextEpoch(now, '', 0);
    const outcome = await tables.writeEpoch(next, now, signal);
    if (outcome.tag === 'applied' || outcome.row === undefined) return;
    now = outcome.row;
  }
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message);
}
