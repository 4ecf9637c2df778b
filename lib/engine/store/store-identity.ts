import type { Random } from '../../base/random.ts';
import { type ObjectStore, stateError } from './object-store.ts';
import { seal, unseal } from './sealed.ts';

const name = 'store.json';

/**
 * The identity of a place, made by the first who asks: a random number in an object of its own. A pointer names it, so that
 * another folder or bucket, or one that was emptied, is never taken for one without state.
 * @throws MillraceError `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`
 */
export async function identityOf(store: ObjectStore, random: Random, signal: AbortSignal): Promise<string> {
  const found = await read(store, signal);
  if (found !== undefined) return found;
  await store.create(name, seal('store', [JSON.stringify({ id: random.hex(32) })]).bytes, signal);
  // Whether this process made it or another one did: what is there now counts.
  const made = await read(store, signal);
  if (made !== undefined) return made;
  throw stateError(
    'MR_STATE_UNREACHABLE',
    store.location,
    'what was just written is not there; see that the place keeps it',
  );
}

async function read(store: ObjectStore, signal: AbortSignal): Promise<string | undefined> {
  const bytes = await store.read(name, signal);
  if (bytes === undefined) return undefined;
  const [value] = unseal(bytes, { location: store.location, name, kind: 'store' });
  if (typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string') return value.id;
  throw stateError('MR_STATE_DAMAGED', store.location, `${name} holds no identity; restore it from a copy`);
}
