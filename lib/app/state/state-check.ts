import { MillraceError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import { checkStore } from '../../engine/commit/version-list.ts';
import { claimStore } from '../../engine/store/store-claim.ts';
import { identityOf } from '../../engine/store/store-identity.ts';
import type { StateStore } from '../../engine/state-store.ts';
import { isMoved, pointerOf, readStateRows } from './state-rows.ts';
import type { StateTables } from './state-tables.ts';

/** What a start derives, to be held to what was recorded with the commits so far. */
export interface StartOptions {
  readonly tables: StateTables;
  readonly store: StateStore;
  readonly applicationName: string;
  readonly scope: 'shard' | 'application';
  /** Why the plan has this scope. */
  readonly scopeReason: string;
  readonly random: Random;
  /** Whether the part of the place that is the application's is claimed; for its first table alone. */
  readonly claims: boolean;
  /** Whether what cannot be read, or is in another place, is left to the caller. */
  readonly isLenient?: boolean;
}

/**
 * Refuses a start whose plan or place is not the one under which state was committed (design section 8), before anything is
 * read or written under it. A place that holds the state of another application of this name is refused at the first
 * start, when no row names it yet.
 * @throws MillraceError `MR_SCOPE_CHANGED`; `MR_STATE_UNREACHABLE` for another place; `MR_STATE_FOREIGN`
 */
export async function checkStart(options: StartOptions, signal: AbortSignal): Promise<'new' | 'recovered'> {
  const { tables, store, applicationName, scope, scopeReason, random, claims, isLenient = false } = options;
  const rows = await readStateRows(tables, applicationName, signal);
  const other = rows.find((row) => row.scope !== scope && !isMoved(row));
  if (other !== undefined) {
    throw new MillraceError(
      'MR_SCOPE_CHANGED',
      `application ${applicationName} has committed state in ${other.scope} scope (${other.where}), and its plan has ${scope} scope now: ${scopeReason}. ` +
        `Undo that change, or stop all workers and run \`millrace state migrate --to-scope ${scope}\`, or give the state up with --discard-state`,
      { subject: { option: 'state' } },
    );
  }
  const own = rows.filter((row) => row.scope === scope);
  if (!store.isDurable) {
    if (own[0] === undefined) return 'new';
    throw new MillraceError(
      'MR_STATE_UNREACHABLE',
      `application ${applicationName} has committed state (${own[0].where}), and this program keeps its state in memory, so that it would begin with none; ` +
        'give it the place of that state, or give the state up with `millrace state migrate --discard-state`',
      { reaction: 'fatal', subject: { option: 'state' } },
    );
  }
  const storeIdentity = await identityOf(store, random, signal);
  for (const row of isLenient ? [] : own) {
    const read = pointerOf(row);
    // One that cannot be read keeps its own shard from beginning, and no other.
    if (read.tag === 'pointer') checkStore({ store, storeIdentity }, read.pointer);
    else if (scope === 'application') throw read.thrown;
  }
  if (rows.length > 0) return 'recovered';
  if (!claims) return 'new';
  await tables.open(scope, signal);
  const owner = await tables.identityOf(scope, signal);
  if (owner !== undefined) await claimStore({ store, application: applicationName, scope, owner }, signal);
  return 'new';
}
