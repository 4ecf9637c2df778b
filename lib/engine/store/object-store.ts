import { type ErrorCode, MillraceError } from '../../base/error.ts';

/** What became of a creation: the object is there as given and will stay, or one of that name was there before. */
export type CreateOutcome = 'created' | 'exists';

/**
 * Where an engine keeps what it commits: a flat space of named objects that are created and removed, never overwritten
 * (design section 8). Names are parts of letters, digits and `._@%=-`, joined by `/`; {@link checkObjectName} holds them
 * to it. Implementations: memory, a folder, a bucket of S3; the suite `objectStoreSuite` of the testkit says what each
 * of them must do.
 *
 * Every call rejects with the reason of its signal when that aborts, and with `MR_STATE_UNREACHABLE` when the place does
 * not answer, is full or refuses: then it is not known whether the call was applied.
 */
export interface ObjectStore {
  /** The place for people, such as `file:/var/lib/counts` or `s3://bucket/prefix`; it holds no secrets. */
  readonly location: string;
  /** Whether what it holds outlives the process: only then batches are committed. */
  readonly isDurable: boolean;
  /**
   * Creates an object, whole and durable when it resolves, or leaves alone the one that is there. Nobody ever sees a part
   * of it.
   */
  create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<CreateOutcome>;
  /** The bytes of an object, or `undefined` when there is none of the name. */
  read(name: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /**
   * The names that begin with a prefix, in no order. An object that was created or removed while it was asked may be
   * there or not; one that was there before and stayed is always listed by `memory` and `file`, and by S3 since it is
   * strongly consistent (December 2020). Nothing but the removal of garbage may rest on a listing.
   */
  list(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Removes an object; one that is not there is no fault. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

const namePart = /^[A-Za-z0-9_@%=-][A-Za-z0-9._@%=-]*$/;

/**
 * The longest name in bytes that every store takes: S3 allows 1,024 with the prefix, file systems 255 for each part.
 */
export const maximumNameBytes = 900;

/** The longest part of a name: file systems take 255, and a file on its way has a suffix. */
export const maximumNamePartBytes = 220;

/**
 * Holds a name to what every store can keep.
 * @throws MillraceError `MR_INTERNAL` for a name with other characters, empty parts, or parts that begin with a point
 */
export function checkObjectName(name: string): string {
  const parts = name.split('/');
  const good =
    name.length <= maximumNameBytes &&
    parts.every((part) => namePart.test(part) && part.length <= maximumNamePartBytes);
  if (good) return name;
  throw new MillraceError('MR_INTERNAL', `${JSON.stringify(name)} is no name of an object of a state store`);
}

/** A text as one part of a name, and no other text's: what may not stand in a name becomes `%XX`. */
export function namePartOf(text: string): string {
  const encoded = encodeURIComponent(text).replace(/[!'()*~]/g, (character) => percent(character));
  const safe = encoded.startsWith('.') ? percent('.') + encoded.slice(1) : encoded;
  return safe === '' ? '%' : safe;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** A fault of a store, naming the place and what was asked of it. */
export function storeFault(location: string, what: string, cause: unknown, remedy: string): MillraceError {
  return stateError('MR_STATE_UNREACHABLE', location, `${what}: ${reasonOf(cause)}; ${remedy}`, cause);
}

/** An error about a place where state is kept. */
export function stateError(code: ErrorCode, location: string, message: string, cause?: unknown): MillraceError {
  return new MillraceError(code, `state store ${location}: ${message}`, {
    subject: { store: location },
    ...(cause === undefined ? {} : { cause }),
  });
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Error) return cause.message === '' ? cause.name : cause.message;
  return String(cause);
}
