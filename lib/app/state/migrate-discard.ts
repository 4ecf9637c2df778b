import { claimName } from '../../engine/store/store-claim.ts';
import { identityOf } from '../../engine/store/store-identity.ts';
import { namePartOf } from '../../engine/store/object-store.ts';
import type { StateStore } from '../../engine/state-store.ts';
import type { Lease } from '../../lease/lease.ts';
import { seekLease } from '../../lease/lease-write.ts';
import { type GroupView, viewGroup } from './group-view.ts';
import { type StateMove, moveOf, nextEpoch, positionsOf } from './move-group.ts';
import { type StateAdminOptions, storeOf } from './open-state.ts';
import { type StateRow, isMoved } from './state-rows.ts';
import type { StateTables } from './state-tables.ts';

/** Rows first, objects then: whoever dies in between leaves objects that nothing names, and the next try removes them. */
export async function discard(
  options: StateAdminOptions,
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

async function plainView(row: StateRow, options: StateAdminOptions, store: StateStore | undefined): Promise<GroupView> {
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
      const written = await tables.writeLease(
        seekLease(lease, lease.checkpoint, undefined, none, lease.caughtUpAtMillis),
        signal,
      );
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
