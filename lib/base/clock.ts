/** Stops a timer that has not fired; calling it later, or twice, does nothing. */
export type CancelTimer = () => void;

/**
 * Time as a port. Expiry and pacing read `monotonicMillis`; only what is shown to people or written for Java peers
 * reads `wallMillis`. Wall-clock times of two machines are never compared.
 */
export interface Clock {
  /** Milliseconds since 1970 by this machine's clock, which may jump. */
  wallMillis(): number;
  /** Milliseconds since an arbitrary start; never goes backwards. */
  monotonicMillis(): number;
  /** Calls back once after `delayMillis`. The timer keeps the process alive unless `keepAlive` is false. */
  timer(delayMillis: number, callback: () => void, options?: { keepAlive?: boolean }): CancelTimer;
}

/**
 * The real clock of the process. Its monotonic time is the same in all threads, so that one thread may tell another until
 * when something holds; `performance.now()` begins anew in each of them.
 */
export const systemClock: Clock = {
  wallMillis: () => Date.now(),
  monotonicMillis() {
    const [seconds, nanos] = process.hrtime();
    return seconds * 1e3 + nanos / 1e6;
  },
  timer(delayMillis, callback, options) {
    const handle = setTimeout(callback, Math.max(0, delayMillis));
    if (options?.keepAlive === false) handle.unref();
    return () => clearTimeout(handle);
  },
};

/**
 * Resolves after `delayMillis`; rejects at once with the signal's reason when it aborts.
 * The timer and the listener are always removed.
 */
export function sleep(clock: Clock, delayMillis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = clock.timer(delayMillis, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Like {@link sleep}, but an abort ends it early instead of rejecting: `true` when the time passed, `false` when the
 * signal aborted. For the pauses of loops that look at the signal themselves.
 */
export async function pause(clock: Clock, delayMillis: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(clock, delayMillis, signal);
    return true;
  } catch {
    return false;
  }
}
