import { raceAbort } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { deferred } from '../base/service.ts';
import type { Evaluation } from './evaluate.ts';
import { type NodeHead, nameOf } from './node-head.ts';

/** What a watch needs. */
export interface StuckWatch {
  readonly clock: Clock;
  readonly evaluation: Pick<Evaluation, 'beats' | 'waitingFor'>;
  readonly stalledAfterMillis: number;
  /** Who is blamed when no operator is waiting for a function. */
  readonly node: NodeHead | undefined;
}

/** How often in the allowed time a watch looks whether anything moves. */
const looks = 4;

const stuckErrors = new WeakSet<MillraceError>();

/** Whether the error says that a user function did not settle: it must not be called again while it is still out. */
export function isStuck(thrown: unknown): boolean {
  return thrown instanceof MillraceError && stuckErrors.has(thrown);
}

/**
 * Waits for the action, but no longer than its user functions move: when none has settled for `stalledAfterMillis` (up
 * to a quarter longer), or than the signal.
 * @throws MillraceError `MR_HANDLER_FAILED` naming the operator whose function is out; the signal's reason
 */
export async function unlessStuck(watch: StuckWatch, signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  const { clock, evaluation, stalledAfterMillis } = watch;
  const stuck = deferred();
  let beats = -1;
  let still = 0;
  let cancel = () => {};
  const look = () => {
    still = evaluation.beats === beats ? still + 1 : 0;
    beats = evaluation.beats;
    if (still === looks) stuck.reject(stuckError(watch));
    else cancel = clock.timer(stalledAfterMillis / looks, look, { keepAlive: false });
  };
  look();
  try {
    await raceAbort(Promise.race([action(), stuck.promise]), signal);
  } finally {
    cancel();
  }
}

function stuckError({ evaluation, node, stalledAfterMillis }: StuckWatch): MillraceError {
  const blamed = evaluation.waitingFor ?? node;
  const error = new MillraceError(
    'MR_HANDLER_FAILED',
    `${blamed === undefined ? 'a function of the program' : nameOf(blamed)} has not settled for ${stalledAfterMillis} ms; ` +
      'see to it that its promise settles, for example with a time limit, or raise stalledAfterMillis',
  );
  stuckErrors.add(error);
  return error;
}
