import type { Random } from '../../base/random.ts';
import { type CreateOutcome, type ObjectStore, storeFault } from '../../engine/store/object-store.ts';
import type { FakeObjectStore } from '../fake-object-store.ts';
import { chance } from '../fork-random.ts';
import type { Wire } from '../wire.ts';

/** Faults of an object store beside those of the way to it. */
export type StoreFault = 'tornWrite' | 'staleListing';

/** How likely each is: 0 to 1. */
export type StoreOdds = Readonly<Record<StoreFault, number>>;

/** A store that does what it promises. */
export const calmStore: StoreOdds = { tornWrite: 0, staleListing: 0 };

/** What a {@link StoreView} is made with. */
export interface StoreViewOptions {
  readonly store: FakeObjectStore;
  readonly wire: Wire;
  readonly random: Random;
  readonly onFault: (fault: StoreFault, operation: string) => void;
}

/**
 * One process's view of the object store: through its own wire, with writes that leave half an object behind and fail, and
 * with listings that lack some names. An object once there is always read whole, as every store promises.
 */
export class StoreView implements ObjectStore {
  readonly #options: StoreViewOptions;
  readonly isDurable = true;
  odds: StoreOdds = calmStore;

  constructor(options: StoreViewOptions) {
    this.#options = options;
  }

  get location(): string {
    return this.#options.store.location;
  }

  create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<CreateOutcome> {
    const { store, wire } = this.#options;
    return wire.call('create', signal, () => {
      // The identity of the store is an object of one name, and rests on what every store promises.
      const isTorn = name.includes('/') && this.#draw('tornWrite', 'create');
      if (!isTorn) return store.create(name, bytes, neverAborted);
      store.tear(name, bytes);
      return Promise.reject(new Error('injected: the write broke off'));
    });
  }

  read(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { store, wire } = this.#options;
    return wire.call('read', signal, () => store.read(name, neverAborted));
  }

  list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const { store, wire, random } = this.#options;
    return wire.call('list', signal, async () => {
      const names = await store.list(prefix, neverAborted);
      return this.#draw('staleListing', 'list') ? names.filter(() => chance(random, 0.5)) : names;
    });
  }

  remove(name: string, signal: AbortSignal): Promise<void> {
    const { store, wire } = this.#options;
    return wire.call('remove', signal, () => store.remove(name, neverAborted));
  }

  #draw(fault: StoreFault, operation: string): boolean {
    const { random, onFault } = this.#options;
    if (!chance(random, this.odds[fault])) return false;
    onFault(fault, operation);
    return true;
  }
}

/** How a fault of a store, or of the way to it, reaches its caller. */
export function toStoreFault(error: unknown, operation: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return storeFault('fake:state', operation, error, 'it is tried again');
}

const neverAborted = new AbortController().signal;
