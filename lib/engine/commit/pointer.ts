import { MillraceError } from '../../base/error.ts';
import type { NamedObject } from './manifest.ts';

/**
 * By which rules a pointer is written: one with a plan, or of state that went elsewhere, must not be taken for a plain one
 * by whoever knows neither.
 */
const plainVersion = 1;
const laterVersion = 2;
/** One whose batches after the manifest changed nothing: whoever does not know that would give their ids again. */
const idleVersion = 3;

/**
 * What a commit sets by one compare-and-set: the manifest that holds from now on. In `shard` scope it is the text
 * `engineState` of the lease row, in `application` scope a part of the application's own row.
 */
export interface Pointer {
  /** The last committed batch: that of the manifest, unless the ones after it changed nothing. */
  readonly batchId: number;
  /** The time of that batch, where it is not that of the manifest. Milliseconds since 1970. */
  readonly batchTimeMillis?: number;
  /** Name of the manifest in its store. */
  readonly manifest: string;
  /** Of the manifest's bytes. */
  readonly checksum: string;
  /** Identity of the store that the manifest is in, so that another place is never taken for an empty one. */
  readonly store: string;
  /** The store for people, such as `file:/var/lib/counts (host-1)`: for the message when it is not found again. */
  readonly location?: string;
  /** Counts seeks and rewinds; marks of an older lineage are void. */
  readonly lineage: number;
  /** The state went to this scope, by a migration; who finds it here must not go on from it. */
  readonly movedTo?: 'shard' | 'application';
  /** The plan of the batch that follows, where one was written: whoever goes on from here runs it first. */
  readonly plan?: NamedObject;
  /** The group needs nothing any more that its parents left; see `standsAlone`. Absent: it may. */
  readonly standsAlone?: true;
}

/** The pointer as the text that lands in a row. */
export function formatPointer(pointer: Pointer): string {
  const { batchId, batchTimeMillis, manifest, checksum, store, location, lineage, plan, movedTo } = pointer;
  const { standsAlone: alone } = pointer;
  const isPlain = plan === undefined && movedTo === undefined;
  const v = batchTimeMillis !== undefined ? idleVersion : isPlain ? plainVersion : laterVersion;
  return JSON.stringify({
    v,
    batchId,
    batchTimeMillis,
    manifest,
    checksum,
    store,
    lineage,
    location,
    plan,
    movedTo,
    alone,
  });
}

/**
 * Reads the text of a row.
 * @throws MillraceError `MR_STATE_NEWER` for one of a later version, `MR_STATE_DAMAGED` for one that is no pointer
 */
export function parsePointer(text: string, where: string): Pointer {
  const value = parsed(text);
  if (typeof value['v'] === 'number' && value['v'] > idleVersion) {
    throw new MillraceError(
      'MR_STATE_NEWER',
      `the pointer in ${where} was written by a later version of Millrace; run that version, or a later one`,
    );
  }
  const { batchId, batchTimeMillis, manifest, checksum, store, location, lineage, plan, movedTo } = value;
  if (
    Number.isSafeInteger(batchId) &&
    (batchTimeMillis === undefined || Number.isSafeInteger(batchTimeMillis)) &&
    typeof manifest === 'string' &&
    typeof checksum === 'string' &&
    typeof store === 'string' &&
    Number.isSafeInteger(lineage) &&
    (plan === undefined || isNamedObject(plan)) &&
    (movedTo === undefined || movedTo === 'shard' || movedTo === 'application')
  ) {
    return {
      batchId: batchId as number,
      manifest,
      checksum,
      store,
      lineage: lineage as number,
      ...(batchTimeMillis === undefined ? {} : { batchTimeMillis: batchTimeMillis as number }),
      ...(typeof location === 'string' ? { location } : {}),
      ...(plan === undefined ? {} : { plan }),
      ...(movedTo === undefined ? {} : { movedTo }),
      ...(value['alone'] === true ? { standsAlone: true } : {}),
    };
  }
  throw new MillraceError(
    'MR_STATE_DAMAGED',
    `${where} holds ${text.length} characters that are no pointer of Millrace; somebody else wrote them. Restore the row, or start anew with --discard-state`,
  );
}

function isNamedObject(value: unknown): value is NamedObject {
  if (typeof value !== 'object' || value === null) return false;
  const { name, checksum } = value as Record<string, unknown>;
  return typeof name === 'string' && typeof checksum === 'string';
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
