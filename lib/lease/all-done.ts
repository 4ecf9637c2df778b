import { type MillraceError, toMillraceError } from '../base/error.ts';

/**
 * Waits for all, whatever fails: one row that fails must not cut off the others, and nothing may be under way when a round
 * has ended.
 * @throws MillraceError a fault that does not pass, else the first one
 */
export async function allDone(actions: readonly Promise<void>[]): Promise<void> {
  const faults: MillraceError[] = [];
  for (const outcome of await Promise.allSettled(actions)) {
    if (outcome.status === 'rejected') faults.push(toMillraceError(outcome.reason));
  }
  const fault = faults.find(({ reaction }) => reaction === 'fatal') ?? faults[0];
  if (fault !== undefined) throw fault;
}
