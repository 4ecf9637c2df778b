import type { Manifest } from './manifest.ts';
import { readObjectName } from './object-names.ts';

/** A manifest with the name under which it is kept. */
export interface NamedManifest {
  readonly name: string;
  readonly manifest: Manifest;
}

/** All objects that a manifest needs, its own included. */
export function objectsOf({ name, manifest }: NamedManifest): readonly string[] {
  return [name, ...(manifest.state?.chain ?? []).map((object) => object.name)];
}

/**
 * What a commit made unreachable: the objects of the manifests that fell out of the last ones kept, unless one of those
 * still needs them. Only the holder of the fence may remove them, after its own commit (design section 8).
 */
export function garbageOfCommit(dropped: readonly NamedManifest[], kept: readonly NamedManifest[]): readonly string[] {
  const needed = new Set(kept.flatMap(objectsOf));
  return [...new Set(dropped.flatMap(objectsOf))].filter((name) => !needed.has(name));
}

/** What {@link orphans} looks at. */
export interface OrphanSearch {
  readonly prefix: string;
  /** What the store listed under the prefix. */
  readonly listed: readonly string[];
  /** The manifests that are kept; the last one is the committed one. */
  readonly kept: readonly NamedManifest[];
}

/**
 * Objects of batches that were never committed: written by a holder that died or lost its fence. They are nobody's once
 * the pointer has passed their batch: a batch with an id up to the committed one can never be committed again. Those of
 * later ids may be on their way to a commit of the present holder, and names that Millrace did not make are left alone.
 * A listing that lacks something only leaves it for the next time.
 */
export function orphans({ prefix, listed, kept }: OrphanSearch): readonly string[] {
  const committed = kept.at(-1);
  if (committed === undefined) return [];
  const needed = new Set(kept.flatMap(objectsOf));
  const oldestKept = kept[0]?.manifest.batchId ?? 0;
  return listed.filter((name) => {
    const read = readObjectName(prefix, name);
    if (read === undefined || needed.has(name)) return false;
    // The chain of kept manifests may have been cut short by a restart: older committed ones are reached by `follows`.
    if (read.batchId < oldestKept) return true;
    return read.batchId <= committed.manifest.batchId;
  });
}
