import { MillraceError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import { type StateStore, stateAt } from '../../engine/state-store.ts';
import { identityOf } from '../../engine/store/store-identity.ts';
import type { StateWork } from './move-group.ts';
import { type StateRow, isMoved, pointerOf, readStateRows } from './state-rows.ts';
import type { KeptRecords } from './kept-records.ts';
import type { StateTables } from './state-tables.ts';

/** What an administrator of state works with. */
export interface StateAdminOptions {
  readonly tables: StateTables;
  readonly applicationName: string;
  readonly streamName: string;
  /** Where the state is; absent: where the last commit says. */
  readonly store: StateStore | undefined;
  /** Asks the stream. */
  readonly kept: Pick<KeptRecords, 'since'>;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** All groups that are not marked as moved, and what to work with; `undefined` while nothing was committed. */
export async function openState(
  options: StateAdminOptions,
): Promise<{ readonly work: StateWork; readonly rows: readonly StateRow[] } | undefined> {
  const { tables, applicationName, signal } = options;
  const rows = (await readStateRows(tables, applicationName, signal)).filter((row) => !isMoved(row));
  return rows.length === 0 ? undefined : { work: await workOf(options, rows), rows };
}

/**
 * What to work with on the groups of some rows.
 * @throws MillraceError `MR_CONFIG_INVALID` where neither the options nor the rows say where the state is
 */
export async function workOf(options: StateAdminOptions, rows: readonly StateRow[]): Promise<StateWork> {
  const { tables, streamName, applicationName: application, random, signal } = options;
  const store = options.store ?? storeOf(rows);
  if (store === undefined) {
    throw new MillraceError('MR_CONFIG_INVALID', 'no row says where the state is: give its place (state, --state)', {
      subject: { option: 'state' },
    });
  }
  const storeIdentity = await identityOf(store, random, signal);
  return { tables, streamName, place: { store, storeIdentity, application, random } };
}

/** The place that the first row with a location names. */
export function storeOf(rows: readonly StateRow[]): StateStore | undefined {
  for (const row of rows) {
    const read = pointerOf(row);
    if (read.tag === 'pointer' && read.pointer.location !== undefined) return stateAt(read.pointer.location);
  }
  return undefined;
}
