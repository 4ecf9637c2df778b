import { MemoryStore } from '../engine/store/memory-store.ts';
import type { CreateOutcome, ObjectStore } from '../engine/store/object-store.ts';

/**
 * A store in memory that tests look into, shared by all processes of a world: they see each removal, and can leave half an
 * object behind, as a store without atomic creation would.
 */
export class FakeObjectStore implements ObjectStore {
  readonly location = 'fake:state';
  readonly isDurable = true;
  readonly #store = new MemoryStore();
  /** Set to hear of every object that is removed, before it is. */
  onRemove: (name: string) => void = () => {};

  /** The bytes that are there under a name. */
  peek(name: string): Uint8Array | undefined {
    return this.#store.peek(name);
  }

  /** All names. */
  get names(): readonly string[] {
    return this.#store.names;
  }

  /** Leaves the first half of an object behind, where there is none of the name. */
  tear(name: string, bytes: Uint8Array): void {
    this.#store.put(name, bytes.subarray(0, bytes.byteLength / 2));
  }

  create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<CreateOutcome> {
    return this.#store.create(name, bytes, signal);
  }

  read(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#store.read(name, signal);
  }

  list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#store.list(prefix, signal);
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#store.peek(name) !== undefined) this.onRemove(name);
    await this.#store.remove(name, signal);
  }
}
