import { raceAbort } from '../../base/abort.ts';
import { type ErrorCode, messageOf, toMillraceError } from '../../base/error.ts';

/** What a check has found. */
export type CheckResult = 'ok' | 'warning' | 'failed' | 'skipped';

/** One thing that was looked at. */
export interface Check {
  /** What it is about: `credentials`, `stream`, `permission`, `limit`, `clock`, `table`. */
  readonly area: string;
  /** The operation, or the thing. */
  readonly name: string;
  readonly result: CheckResult;
  /** What was found, or why it was not looked at. */
  readonly detail: string;
  /** Of a check that failed. */
  readonly code?: ErrorCode;
}

/** What a probe answers with. */
export interface ProbeAnswer {
  readonly result?: CheckResult;
  readonly detail: string;
}

/** Runs one probe: what it throws is a check that failed. */
export async function check(
  area: string,
  name: string,
  signal: AbortSignal,
  probe: (signal: AbortSignal) => Promise<ProbeAnswer>,
): Promise<Check> {
  try {
    const { result = 'ok', detail } = await raceAbort(probe(signal), signal);
    return { area, name, result, detail };
  } catch (thrown) {
    signal.throwIfAborted();
    const { code } = toMillraceError(thrown);
    return { area, name, result: 'failed', detail: messageOf(thrown), code };
  }
}

/** A check that was not made. */
export function skipped(area: string, name: string, detail: string): Check {
  return { area, name, result: 'skipped', detail };
}

/** Whether nothing more can be learned from a service after a check of it: it is out of reach, or nobody is known to it. */
export function endsArea({ code }: Check): boolean {
  return code === 'MR_ENDPOINT_UNREACHABLE' || code === 'MR_CREDENTIALS_MISSING';
}
