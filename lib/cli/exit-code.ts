import { type ErrorCode, isMillraceError } from '../base/error.ts';

/** The exit codes of the command line; 128 + n is a second signal n. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notUsable: 3,
  notAllowed: 4,
  unreachable: 5,
  stoppedByPolicy: 6,
  drainDeadline: 7,
} as const;

/** What the code of an error means for a shell. */
const codesOfErrors: Readonly<Record<ErrorCode, number>> = {
  MR_CONFIG_INVALID: exitCodes.usage,
  MR_CONFIG_UNKNOWN: exitCodes.usage,
  MR_CREDENTIALS_MISSING: exitCodes.notAllowed,
  MR_ACCESS_DENIED: exitCodes.notAllowed,
  MR_ENDPOINT_UNREACHABLE: exitCodes.unreachable,
  MR_THROTTLED: exitCodes.unreachable,
  MR_STREAM_NOT_FOUND: exitCodes.notUsable,
  MR_STREAM_NOT_ACTIVE: exitCodes.notUsable,
  MR_STREAM_CHANGED: exitCodes.notUsable,
  MR_CONSUMER_NOT_FOUND: exitCodes.notUsable,
  MR_CONSUMER_IN_USE: exitCodes.unreachable,
  MR_CONSUMER_LIMIT: exitCodes.notUsable,
  MR_TABLE_FOREIGN: exitCodes.notUsable,
  MR_TABLE_KIND: exitCodes.notUsable,
  MR_LEASE_LOST: exitCodes.failed,
  MR_CHECKPOINT_BACKWARDS: exitCodes.failed,
  MR_COMMIT_GAP: exitCodes.failed,
  MR_POSITION_TRIMMED: exitCodes.failed,
  MR_POSITION_HOLE: exitCodes.failed,
  MR_HANDLER_FAILED: exitCodes.stoppedByPolicy,
  MR_END_NOT_CHECKPOINTED: exitCodes.stoppedByPolicy,
  MR_LAMBDA_RESPONSE: exitCodes.stoppedByPolicy,
  MR_LAMBDA_TIMEOUT: exitCodes.stoppedByPolicy,
  MR_ENGINE_NOT_ALONE: exitCodes.failed,
  MR_WORKER_DUPLICATE: exitCodes.failed,
  MR_DRAIN_TIMEOUT: exitCodes.drainDeadline,
  MR_ABORTED: exitCodes.failed,
  MR_KEY_INVALID: exitCodes.failed,
  MR_KEY_NOT_PLACED: exitCodes.failed,
  MR_STATE_INVALID: exitCodes.failed,
  MR_STATE_UNREACHABLE: exitCodes.unreachable,
  MR_STATE_DAMAGED: exitCodes.failed,
  MR_STATE_NEWER: exitCodes.failed,
  MR_STATE_FOREIGN: exitCodes.notUsable,
  MR_EPOCH_LOST: exitCodes.failed,
  MR_SCOPE_CHANGED: exitCodes.failed,
  MR_SINK_FENCED: exitCodes.failed,
  MR_SEEK_STATE: exitCodes.failed,
  MR_FOREIGN_WORKER: exitCodes.notUsable,
  MR_RANGE_HOLE: exitCodes.failed,
  MR_PORT_UNAVAILABLE: exitCodes.usage,
  MR_INTERNAL: exitCodes.failed,
};

/** The exit code for anything that a command has thrown. */
export function exitCodeOf(thrown: unknown): number {
  return isMillraceError(thrown) ? codesOfErrors[thrown.code] : exitCodes.failed;
}

/** The exit code of a process that a second signal ended; 15 (SIGTERM) is 143. */
export function exitCodeOfSignal(signalNumber: number): number {
  return 128 + signalNumber;
}
