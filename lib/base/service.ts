/**
 * A long-lived part. `run` is called once and settles when the part has ended: it resolves after `drain` or `stop`,
 * and rejects with the fault that ended it. `drain` finishes what was begun, until `deadline` aborts; `stop` drops
 * it. Both may be called at any time and any number of times; all callers share the first outcome.
 */
export interface Service {
  run(signal: AbortSignal): Promise<void>;
  drain(deadline: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** Wraps an asynchronous function so that it runs once; later callers get the first call's promise. */
export function once<A extends readonly unknown[], T>(action: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  let outcome: Promise<T> | undefined;
  return (...args) => (outcome ??= action(...args));
}

/** A promise with its two handles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** A promise that somebody else settles. Its rejection counts as handled even when nobody waits yet. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
