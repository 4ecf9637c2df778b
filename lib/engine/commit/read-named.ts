import { type ObjectStore, stateError } from '../store/object-store.ts';
import { type Manifest, type NamedObject, type ReadManifest, readManifest, readManifestAlone } from './manifest.ts';

/** Whose objects are read, and where. */
export interface NamedObjects {
  readonly store: ObjectStore;
  readonly application: string;
  readonly group: string;
}

/**
 * Reads a manifest that the last commit names, with the state in its object.
 * @throws MillraceError `MR_STATE_UNREACHABLE` where it is not there; what {@link readManifest} throws
 */
export async function readNamed(from: NamedObjects, object: NamedObject, signal: AbortSignal): Promise<ReadManifest> {
  const { store, application } = from;
  return readManifest(await bytesOf(from, object.name, signal), { ...object, location: store.location, application });
}

/** Like {@link readNamed}, without the state. */
export async function readNamedAlone(from: NamedObjects, object: NamedObject, signal: AbortSignal): Promise<Manifest> {
  const { store, application } = from;
  const bytes = await bytesOf(from, object.name, signal);
  return readManifestAlone(bytes, { ...object, location: store.location, application });
}

/** The bytes of an object that the last commit names. */
export async function bytesOf({ store, group }: NamedObjects, name: string, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = await store.read(name, signal);
  if (bytes !== undefined) return bytes;
  throw stateError(
    'MR_STATE_UNREACHABLE',
    store.location,
    `${name} is named by the last commit of ${group} and is not there; restore it, or rewind to an earlier version`,
  );
}
