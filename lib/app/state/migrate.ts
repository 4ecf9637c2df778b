import { type StateStore, stateAt } from '../../engine/state-store.ts';
import { discard } from './migrate-discard.ts';
import { invalid } from './migrate-parts.ts';
import { toPlace } from './migrate-place.ts';
import { toApplication, toShards } from './migrate-scope.ts';
import type { StateMove } from './move-group.ts';
import { type StateAdminOptions, workOf } from './open-state.ts';
import { readStateRows } from './state-rows.ts';

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

/**
 * Brings the state of an application elsewhere, or gives it up. Every row is one conditional write that ends the tenure or
 * epoch of whoever holds it; one that was interrupted is done again from the beginning, and goes on where it was.
 * @throws MillraceError `MR_CONFIG_INVALID` unless one thing is asked for; the faults of state that cannot be read
 */
export async function migrate(options: StateAdminOptions, request: StateMigration): Promise<readonly StateMove[]> {
  const { toState, toScope, discardState = false, dryRun = false } = request;
  const asked = [toState !== undefined, toScope !== undefined, discardState].filter(Boolean).length;
  if (asked !== 1) throw invalid('migrate takes one of toState, toScope and discardState');
  const to = typeof toState === 'string' ? stateAt(toState) : toState;
  const rows = await readStateRows(options.tables, options.applicationName, options.signal);
  if (discardState) return discard(options, rows, dryRun);
  if (rows.length === 0) throw invalid(`application ${options.applicationName} has committed no state`);
  const work = await workOf(options, rows);
  if (to !== undefined) return toPlace(options, { work, rows, to, dryRun });
  return toScope === 'application'
    ? toApplication(options, { work, rows, dryRun })
    : toShards(options, { work, rows, dryRun });
}
