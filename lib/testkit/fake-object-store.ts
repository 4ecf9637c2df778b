import { checkObjectName, type CreateOutcome, type ObjectStore } from '../engine/store/object-store.ts';

/**
 * An object store in memory that tests look into, shared by all processes of a world: they see each removal, and can leave
 * half an object behind, as a store without atomic creation would.
 */
export class FakeObjectStore implements ObjectStore {
  readonly location = 'fake:state';
  readonly isDurable = true;
  readonly #objects = new Map<string, Uint8Array>();
  /** Set to hear of every object that is removed, before it is. */
  onRemove: (name: string) => void = () => {};

  /** The bytes that are there under a name. */
  peek(name: string): Uint8Array | undefined {
    return this.#objects.get(name);
  }

  /** All names. */
  get names(): readonly string[] {
    return [...this.#objects.keys()];
  }

  /** Leaves the first half of an object behind, where there is none of the name. */
  tear(name: string, bytes: Uint8Array): void {
    if (!this.#objects.has(name)) this.#objects.set(name, bytes.slice(0, bytes.byteLength / 2));
  }

  async create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<CreateOutcome> {
    signal.throwIfAborted();
    if (this.#objects.has(checkObjectName(name))) return 'exists';
    this.#objects.set(name, new Uint8Array(bytes));
    return 'created';
  }

  async read(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    signal.throwIfAborted();
    const found = this.#objects.get(checkObjectName(name));
    return found === undefined ? undefined : new Uint8Array(found);
  }

  async list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    return this.names.filter((name) => name.startsWith(prefix));
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#objects.has(checkObjectName(name))) return;
    this.onRemove(name);
    this.#objects.delete(name);
  }
}
