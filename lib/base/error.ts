/**
 * Every error code of Millrace with what the code means for the caller. A code is never reused.
 * `docs/errors.md` describes each of them; a test compares the two lists.
 */
export const errorReactions = {
  MR_CONFIG_INVALID: 'fatal',
  MR_CONFIG_UNKNOWN: 'fatal',
  MR_CREDENTIALS_MISSING: 'fatal',
  MR_ACCESS_DENIED: 'fatal',
  MR_ENDPOINT_UNREACHABLE: 'restart',
  MR_THROTTLED: 'retry',
  MR_STREAM_NOT_FOUND: 'fatal',
  MR_STREAM_NOT_ACTIVE: 'fatal',
  MR_STREAM_CHANGED: 'fatal',
  MR_CONSUMER_NOT_FOUND: 'fatal',
  MR_CONSUMER_IN_USE: 'restart',
  MR_CONSUMER_LIMIT: 'fatal',
  MR_TABLE_FOREIGN: 'fatal',
  MR_TABLE_KIND: 'fatal',
  MR_LEASE_LOST: 'restart',
  MR_CHECKPOINT_BACKWARDS: 'fatal',
  MR_COMMIT_GAP: 'fatal',
  MR_END_NOT_CHECKPOINTED: 'retry',
  MR_POSITION_TRIMMED: 'fatal',
  MR_POSITION_HOLE: 'fatal',
  MR_HANDLER_FAILED: 'fatal',
  MR_LAMBDA_RESPONSE: 'retry',
  MR_LAMBDA_TIMEOUT: 'retry',
  MR_ENGINE_NOT_ALONE: 'fatal',
  MR_WORKER_DUPLICATE: 'fatal',
  MR_DRAIN_TIMEOUT: 'fatal',
  MR_ABORTED: 'fatal',
  MR_KEY_INVALID: 'fatal',
  MR_KEY_NOT_PLACED: 'fatal',
  MR_STATE_INVALID: 'fatal',
  MR_STATE_UNREACHABLE: 'restart',
  MR_STATE_DAMAGED: 'fatal',
  MR_STATE_NEWER: 'fatal',
  MR_STATE_FOREIGN: 'fatal',
  MR_EPOCH_LOST: 'restart',
  MR_SCOPE_CHANGED: 'fatal',
  MR_SINK_FENCED: 'restart',
  MR_SEEK_STATE: 'fatal',
  MR_FOREIGN_WORKER: 'fatal',
  MR_RANGE_HOLE: 'restart',
  MR_PORT_UNAVAILABLE: 'fatal',
  MR_INTERNAL: 'fatal',
} as const satisfies Record<string, Reaction>;

/** What the loop that meets an error should do: try the same call again, start the part anew, or end the process. */
export type Reaction = 'retry' | 'restart' | 'fatal';

/** A stable code of {@link MillraceError}; match on it, not on the message. */
export type ErrorCode = keyof typeof errorReactions;

/** The thing that an error speaks of; every field is optional and none holds record data. */
export interface ErrorSubject {
  readonly stream?: string;
  readonly table?: string;
  readonly shard?: string;
  readonly lease?: string;
  readonly worker?: string;
  readonly batch?: string;
  readonly option?: string;
  readonly endpoint?: string;
  /** Where state is kept: `file:/var/lib/counts`, `s3://bucket/prefix`. */
  readonly store?: string;
}

/** Details of a {@link MillraceError}: what it speaks of, what caused it, and a reaction other than the code's own. */
export interface ErrorDetails {
  readonly subject?: ErrorSubject;
  readonly cause?: unknown;
  readonly reaction?: Reaction;
}

const brand: unique symbol = Symbol.for('millrace.error') as never;

/**
 * The one error class of Millrace. `code` is stable, `subject` names the thing, `reaction` says what a loop should
 * do, `cause` keeps the original error. The message names the thing, the value and the remedy.
 */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly code: ErrorCode;
  readonly subject: ErrorSubject;
  readonly reaction: Reaction;
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(`${code}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.subject = details.subject ?? {};
    this.reaction = details.reaction ?? errorReactions[code];
  }
}

/**
 * Tells whether a value is an error of Millrace, optionally of one code. Works across two copies of the package,
 * where `instanceof` would not.
 */
export function isMillraceError(value: unknown, code?: ErrorCode): value is MillraceError {
  if (typeof value !== 'object' || value === null || !(brand in value)) return false;
  return code === undefined || (value as MillraceError).code === code;
}

/** Turns anything thrown into a {@link MillraceError}: its own errors as they are, the rest as `MR_INTERNAL` with the cause kept. */
export function toMillraceError(thrown: unknown): MillraceError {
  if (isMillraceError(thrown)) return thrown;
  return new MillraceError('MR_INTERNAL', messageOf(thrown), { cause: thrown });
}

/** The message of anything thrown, for a line of a log. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return String(thrown);
}
