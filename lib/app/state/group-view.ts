import { type ErrorCode, type Reaction, toMillraceError } from '../../base/error.ts';
import type { Pointer } from '../../engine/commit/pointer.ts';
import {
  type Version,
  type VersionPlace,
  checkVersion,
  findVersions,
  readVersions,
} from '../../engine/commit/version-list.ts';
import { type StateRow, pointerOf } from './state-rows.ts';

/** What is wrong with the last committed version of a group. */
export interface StateFault {
  readonly code: ErrorCode;
  readonly message: string;
  /** `fatal` for what is so; anything else may pass, such as a place that does not answer. */
  readonly reaction: Reaction;
}

/** A commit group as it stands: what its row names, and what is kept of it. */
export interface GroupView {
  readonly row: StateRow;
  readonly group: string;
  /** `undefined` for a row whose text is no pointer. */
  readonly pointer: Pointer | undefined;
  /** The versions that can be gone back to, the oldest first; where there is no fault, the last one holds. */
  readonly versions: readonly Version[];
  readonly fault?: StateFault;
}

/** Reads a group; a fault of its state is told in the view. `isDeep` also reads all that the last version is made of. */
export async function viewGroup(
  row: StateRow,
  place: VersionPlace,
  signal: AbortSignal,
  isDeep = true,
): Promise<GroupView> {
  const read = pointerOf(row);
  if (read.tag === 'fault') {
    return { row, group: row.group, pointer: undefined, versions: [], fault: faultOf(read.thrown) };
  }
  const { pointer } = read;
  try {
    const versions = await readVersions(place, pointer, signal);
    const last = versions.at(-1);
    if (isDeep && last !== undefined) await checkVersion(place, last, signal);
    return { row, group: last?.manifest.group ?? row.group, pointer, versions };
  } catch (thrown) {
    signal.throwIfAborted();
    const versions = pointer.store === place.storeIdentity ? await findVersions(place, pointer, signal) : [];
    return { row, group: versions.at(-1)?.manifest.group ?? row.group, pointer, versions, fault: faultOf(thrown) };
  }
}

/** The last version, where it can be read. */
export function lastOf({ versions, fault }: GroupView): Version | undefined {
  return fault === undefined ? versions.at(-1) : undefined;
}

/**
 * The version after a batch. One that changed nothing has none of its own: there it is the one before. Where the last version
 * cannot be read, others may be missing too, and only its own counts.
 */
export function versionAfter({ versions, fault, pointer }: GroupView, batchId: number): Version | undefined {
  if (fault !== undefined) return versions.find(({ manifest }) => manifest.batchId === batchId);
  if (batchId > (pointer?.batchId ?? 0)) return undefined;
  return versions.findLast(({ manifest }) => manifest.batchId <= batchId);
}

function faultOf(thrown: unknown): StateFault {
  const { code, message, reaction } = toMillraceError(thrown);
  return { code, message, reaction };
}
