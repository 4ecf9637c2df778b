import { MillraceError } from '../../base/error.ts';
import { type ObjectStore, stateError } from '../store/object-store.ts';
import { checksumOf } from '../store/sealed.ts';
import { type NamedManifest, objectsOf } from './garbage.ts';
import { type Manifest, type NamedObject, readManifestAlone } from './manifest.ts';
import { readObjectName } from './object-names.ts';
import type { Pointer } from './pointer.ts';

/** A committed version of a group, with what is needed to name it. */
export interface Version extends NamedManifest, NamedObject {}

/** Where versions are looked for, by whoever has no program: nothing of the state itself is understood. */
export interface VersionPlace {
  readonly store: ObjectStore;
  readonly storeIdentity: string;
  readonly application: string;
}

/**
 * The versions of a group that are kept, the oldest first; the last is the committed one. They end where one before is not
 * there any more, or cannot be read, and after as many as the last one says are kept: its holder removes those before, and may
 * be about to.
 *
 *   1. a holder commits batch 9, and begins to remove version 4, since it keeps five
 *   2. an operator reads the versions: 4 is still there. It goes back to it, in one write that says "after batch 9"
 *   3. the holder, which has lost its lease by that, removes version 4 all the same: it was decided before
 * @throws MillraceError for the last one alone: `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`, `MR_STATE_NEWER`, `MR_STATE_FOREIGN`
 */
export async function readVersions(
  place: VersionPlace,
  pointer: Pointer,
  signal: AbortSignal,
): Promise<readonly Version[]> {
  checkStore(place, pointer);
  const versions: Version[] = [];
  let next: NamedObject | undefined = { name: pointer.manifest, checksum: pointer.checksum };
  while (next !== undefined) {
    try {
      const manifest = readManifestAlone(await bytesOf(place, next, signal), expectedOf(place, next));
      versions.unshift({ ...next, manifest });
      if (versions.length === versions.at(-1)?.manifest.retained) break;
      next = manifest.follows;
    } catch (thrown) {
      if (versions.length === 0 || signal.aborted) throw thrown;
      break;
    }
  }
  return versions;
}

/**
 * The manifest that a pointer names, without its state.
 * @throws MillraceError as {@link readVersions}
 */
export async function readManifestOf(place: VersionPlace, pointer: Pointer, signal: AbortSignal): Promise<Manifest> {
  checkStore(place, pointer);
  const named = { name: pointer.manifest, checksum: pointer.checksum };
  return readManifestAlone(await bytesOf(place, named, signal), expectedOf(place, named));
}

/**
 * The versions that the store itself shows, for a group whose last one cannot be read: of each batch id before that one the
 * object of the greatest fence, since a holder whose batch was committed leaves nothing to an earlier one. Oldest first.
 */
export async function findVersions(
  place: VersionPlace,
  pointer: Pointer,
  signal: AbortSignal,
): Promise<readonly Version[]> {
  const prefix = pointer.manifest.slice(0, pointer.manifest.lastIndexOf('/') + 1);
  // Batches after it that changed nothing have no object; one of their ids was never committed.
  const lastId = readObjectName(prefix, pointer.manifest)?.batchId ?? pointer.batchId;
  const found = new Map<number, { readonly name: string; readonly fence: number }>();
  for (const name of await place.store.list(prefix, signal)) {
    const read = readObjectName(prefix, name);
    if (read?.kind !== 'manifest' || read.batchId >= lastId) continue;
    const before = found.get(read.batchId);
    if (before === undefined || before.fence <= read.fence.number)
      found.set(read.batchId, { name, fence: read.fence.number });
  }
  const versions: Version[] = [];
  for (const [, { name }] of [...found].toSorted(([a], [b]) => a - b)) {
    try {
      const bytes = await bytesOf(place, { name, checksum: '' }, signal);
      const checksum = checksumOf(bytes);
      const version = { name, checksum, manifest: readManifestAlone(bytes, expectedOf(place, { name, checksum })) };
      await checkVersion(place, version, signal);
      versions.push(version);
    } catch {
      signal.throwIfAborted();
    }
  }
  return versions;
}

/**
 * Reads all that a version is made of, and compares it with what names it.
 * @throws MillraceError `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`
 */
export async function checkVersion(place: VersionPlace, version: Version, signal: AbortSignal): Promise<void> {
  for (const object of [...(version.manifest.state?.chain ?? []), version]) {
    const bytes = await bytesOf(place, object, signal);
    if (checksumOf(bytes) === object.checksum) continue;
    const { location } = place.store;
    throw stateError('MR_STATE_DAMAGED', location, `${object.name} is not the object that its version names`);
  }
}

/** Copies all that a version is made of to another store; what is there already stays. */
export async function copyVersion(
  place: VersionPlace,
  version: Version,
  to: ObjectStore,
  signal: AbortSignal,
): Promise<void> {
  await checkVersion(place, version, signal);
  for (const name of objectsOf(version)) {
    const bytes = await place.store.read(name, signal);
    if (bytes !== undefined) await to.create(name, bytes, signal);
  }
}

/**
 * Holds a pointer to the store at hand.
 * @throws MillraceError `MR_STATE_UNREACHABLE` for another store, `MR_SCOPE_CHANGED` for state that went to the other scope
 */
export function checkStore({ store, storeIdentity }: Omit<VersionPlace, 'application'>, pointer: Pointer): void {
  if (pointer.movedTo !== undefined) {
    throw new MillraceError(
      'MR_SCOPE_CHANGED',
      `the state was migrated to ${pointer.movedTo} scope; run the program whose plan has that scope, or bring the state back with \`millrace state migrate\``,
    );
  }
  if (pointer.store === storeIdentity) return;
  const where = pointer.location === undefined ? '' : ` (${pointer.location})`;
  // Another place does not become the right one by waiting.
  throw new MillraceError(
    'MR_STATE_UNREACHABLE',
    `state store ${store.location}: the last commit is in the store ${pointer.store}${where}, and this one is ${storeIdentity}: a folder of another host, or another place; ` +
      'give the one in which the state is, bring it here with `millrace state migrate`, or start anew with `millrace state migrate --discard-state`',
    { reaction: 'fatal', subject: { store: store.location } },
  );
}

async function bytesOf({ store }: VersionPlace, { name }: NamedObject, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = await store.read(name, signal);
  if (bytes !== undefined) return bytes;
  // The place answers, and what is not there does not come back by waiting.
  throw new MillraceError(
    'MR_STATE_UNREACHABLE',
    `state store ${store.location}: ${name} is named by a commit and is not there; restore it, or rewind to an earlier version`,
    { reaction: 'fatal', subject: { store: store.location } },
  );
}

function expectedOf({ store, application }: VersionPlace, object: NamedObject) {
  return { ...object, location: store.location, application };
}
