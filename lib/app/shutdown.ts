import { deadlineController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';

/** The default of `shutdownGraceMillis`. */
export const defaultShutdownGraceMillis = 25_000;

/**
 * Runs a drain that may take `shutdownGraceMillis`; past it the drain becomes an abort and its promise rejects with
 * `MR_DRAIN_TIMEOUT`.
 */
export async function drainWithin(
  shutdownGraceMillis: number,
  clock: Clock,
  drain: (deadline: AbortSignal) => Promise<unknown>,
): Promise<void> {
  using deadline = deadlineController(clock, shutdownGraceMillis, () => drainTimeout(shutdownGraceMillis));
  await drain(deadline.signal);
}

function drainTimeout(shutdownGraceMillis: number): MillraceError {
  return new MillraceError(
    'MR_DRAIN_TIMEOUT',
    `not everything that was read was finished within shutdownGraceMillis (${shutdownGraceMillis}); ` +
      'the next owner repeats it. Raise shutdownGraceMillis, or finish blocks sooner',
    { subject: { option: 'shutdownGraceMillis' } },
  );
}
