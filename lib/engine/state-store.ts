import { MemoryStore } from './store/memory-store.ts';
import type { ObjectStore } from './store/object-store.ts';

/** Where the state of a context is kept. */
export type StateStore = ObjectStore;

/**
 * Keeps state in the memory of the process: it is gone when the process ends, and the next run starts from none. A
 * program says so on purpose, because operators like `updateStateByKey` do not start without a store.
 */
export function memoryState(): StateStore {
  return new MemoryStore();
}
