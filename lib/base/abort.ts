import { setMaxListeners } from 'node:events';
import type { Clock } from './clock.ts';

const stay = () => {};

/**
 * A controller whose signal has one listener that stays. Wherever listeners come and go, take it instead of a bare one: when
 * the last of a signal's listeners goes, Node deletes an entry of a Map, and V8 then makes a new table for the Map that is
 * empty now. That of a signal which has lived for a while is made in the old generation, and that is where V8 looks whether
 * buffers have grown by some megabytes: with a few such tables for every page, it goes over the whole heap many times a second.
 */
export function stayingController(): AbortController {
  const controller = new AbortController();
  // A signal may end hundreds of requests; beyond ten listeners Node would print a warning about a leak.
  setMaxListeners(0, controller.signal);
  controller.signal.addEventListener('abort', stay);
  return controller;
}

/** A controller that also aborts, with the same reason, when any of its parents does. */
export interface LinkedController extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

/** Links a new controller to its parents. Dispose it when done, so that long-lived parents keep no listeners. */
export function linkedController(...parents: readonly (AbortSignal | undefined)[]): LinkedController {
  const controller = stayingController();
  const undo: (() => void)[] = [];
  for (const parent of parents) {
    if (parent === undefined) continue;
    setMaxListeners(0, parent);
    if (parent.aborted) {
      controller.abort(parent.reason);
      break;
    }
    const onAbort = () => controller.abort(parent.reason);
    parent.addEventListener('abort', onAbort, { once: true });
    undo.push(() => parent.removeEventListener('abort', onAbort));
  }
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]: () => {
      for (const remove of undo) remove();
    },
  };
}

/** A linked controller that also aborts, with the reason that `reasonAtDeadline` makes, after `delayMillis`. */
export function deadlineController(
  clock: Clock,
  delayMillis: number,
  reasonAtDeadline: () => unknown,
  ...parents: readonly (AbortSignal | undefined)[]
): LinkedController {
  const linked = linkedController(...parents);
  const cancel = clock.timer(delayMillis, () => linked.abort(reasonAtDeadline()));
  return {
    signal: linked.signal,
    abort: (reason) => linked.abort(reason),
    [Symbol.dispose]: () => {
      cancel();
      linked[Symbol.dispose]();
    },
  };
}

/**
 * Waits for a promise, but no longer than the signal: rejects with the signal's reason when it aborts first. The
 * promise itself goes on; its later rejection is swallowed, because nobody is left to hear it.
 */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {});
      reject(signal.reason as Error);
      return;
    }
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (thrown: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(thrown);
      },
    );
  });
}

/** Resolves when the signal aborts (at once when it already has). Never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
