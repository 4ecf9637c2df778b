import { type ObjectStore, namePartOf, stateError } from './object-store.ts';
import { seal, unseal } from './sealed.ts';

/** Who begins to keep state in a place. */
export interface Claim {
  readonly store: ObjectStore;
  readonly application: string;
  readonly scope: 'shard' | 'application';
  /** What tells the table of the application from every other one of its name: in another account, or made anew. */
  readonly owner: string;
}

/** The object in which an application says that its part of a place is its own. */
export const claimName = ({ application, scope }: Pick<Claim, 'application' | 'scope'>): string =>
  `${namePartOf(application)}/owner-${scope}.json`;

/**
 * Claims the part of a place that belongs to an application of a name, before its first commit. Two applications of one name
 * in two regions would remove each other's objects as garbage; and one whose table was made anew would pass over what it
 * has there.
 * @throws MillraceError `MR_STATE_FOREIGN` when the part is another's
 */
export async function claimStore(claim: Claim, signal: AbortSignal): Promise<void> {
  const { store, application, owner } = claim;
  const name = claimName(claim);
  const found = await ownerIn(store, name, signal);
  if (found === undefined) await store.create(name, seal('owner', [JSON.stringify({ owner })]).bytes, signal);
  // Whether this process made it or another one did: what is there now counts.
  const now = found ?? (await ownerIn(store, name, signal));
  if (now === owner) return;
  throw stateError(
    'MR_STATE_FOREIGN',
    store.location,
    `it holds state of another application ${JSON.stringify(application)}, or of this one before its table was made anew (${name}); ` +
      'give this one a place of its own, or remove what is there with `millrace state migrate --discard-state`',
  );
}

async function ownerIn(store: ObjectStore, name: string, signal: AbortSignal): Promise<string | undefined> {
  const bytes = await store.read(name, signal);
  if (bytes === undefined) return undefined;
  const [value] = unseal(bytes, { location: store.location, name, kind: 'owner' });
  if (typeof value === 'object' && value !== null && 'owner' in value && typeof value.owner === 'string')
    return value.owner;
  throw stateError('MR_STATE_DAMAGED', store.location, `${name} names no owner; restore it from a copy`);
}
