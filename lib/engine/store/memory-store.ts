import { checkObjectName, type CreateOutcome, type ObjectStore } from './object-store.ts';

/**
 * A store in the memory of the process: for tests, and for programs whose state may be lost with the process. Contexts
 * that are given the same one share it.
 */
export class MemoryStore implements ObjectStore {
  readonly location: string;
  readonly isDurable = false;
  readonly #objects = new Map<string, Uint8Array>();

  /** @param name tells stores of one process apart in messages */
  constructor(name = 'state') {
    this.location = `memory:${name}`;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    let sum = 0;
    for (const object of this.#objects.values()) sum += object.byteLength;
    return sum;
  }

  async create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<CreateOutcome> {
    signal.throwIfAborted();
    return this.put(checkObjectName(name), bytes);
  }

  /** Creates an object at once. */
  put(name: string, bytes: Uint8Array): CreateOutcome {
    if (this.#objects.has(name)) return 'exists';
    this.#objects.set(name, new Uint8Array(bytes));
    return 'created';
  }

  /** The bytes that are there under a name: those of the store, not a copy. */
  peek(name: string): Uint8Array | undefined {
    return this.#objects.get(name);
  }

  /** The names of all objects. */
  get names(): readonly string[] {
    return [...this.#objects.keys()];
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
    this.#objects.delete(checkObjectName(name));
  }
}
