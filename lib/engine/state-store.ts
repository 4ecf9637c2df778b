/** Where the state of a context is kept. In this version there is one kind: the memory of the process. */
export interface StateStore {
  readonly kind: 'memory';
}

/**
 * Keeps state in the memory of the process: it is gone when the process ends, and the next run starts from none. A
 * program says so on purpose, because operators like `updateStateByKey` do not start without a store.
 */
export function memoryState(): StateStore {
  return { kind: 'memory' };
}
