import { type Version, copyVersion } from '../../engine/commit/version-list.ts';
import { formatPointer } from '../../engine/commit/pointer.ts';
import { claimStore } from '../../engine/store/store-claim.ts';
import { identityOf } from '../../engine/store/store-identity.ts';
import type { StateStore } from '../../engine/state-store.ts';
import { seekLease } from '../../lease/lease-write.ts';
import { type GroupView, lastOf } from './group-view.ts';
import { type Migrating, invalid, wholeView } from './migrate-parts.ts';
import { type StateMove, type StateWork, moveOf, nextEpoch, positionsOf, writeShard } from './move-group.ts';
import type { StateAdminOptions } from './open-state.ts';
import { type StateRow, isMoved, pointerOf } from './state-rows.ts';

/** Copies first, names then: whoever dies in between has copies that nothing names, and the state is where it was. */
export async function toPlace(
  { tables, applicationName: application, random, signal }: StateAdminOptions,
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
    return writeShard(
      work,
      row,
      seekLease(row.lease, row.lease.checkpoint, undefined, { state: text }, row.lease.caughtUpAtMillis),
      signal,
    );
  }
  const outcome = await work.tables.writeEpoch(nextEpoch(row.row, text, row.row.batchId), row.row, signal);
  if (outcome.tag === 'applied' || outcome.row?.pointer === undefined) return undefined;
  return { ...row, row: outcome.row, text: outcome.row.pointer };
}
