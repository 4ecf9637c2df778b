import type { PairKey } from '../key.ts';
import { hashKey } from './key-hash.ts';
import { type Node, type Owner, nodeChanges, nodeEntries, nodeGet, nodeSet, nodeWithout } from './trie.ts';

/** Stands for "the key is not there" among changes. */
export const removed: unique symbol = Symbol('removed');

/** What became of keys: a new value each, or {@link removed}. */
export type Changes<K extends PairKey, V> = ReadonlyMap<K, V | typeof removed>;

/**
 * A map that never changes: `with` gives a new one that shares all but the touched paths with the old, so keeping or
 * forking a version costs nothing, and a version that is no longer needed is collected. A hash trie (Bagwell's) whose
 * leaves hold a few keys each; keys are told apart as a `Map` tells them, `__proto__` is one like any other.
 * The order of the entries is that of no particular thing, but the same in every process with the same history.
 */
export class PersistentMap<K extends PairKey, V> {
  readonly size: number;
  readonly #root: Node<K, V> | undefined;

  private constructor(root: Node<K, V> | undefined, size: number) {
    this.#root = root;
    this.size = size;
  }

  /** The map without keys. */
  static empty<K extends PairKey, V>(): PersistentMap<K, V> {
    return new PersistentMap<K, V>(undefined, 0);
  }

  /** The map of these entries; of a key that comes twice the later value stays. */
  static of<K extends PairKey, V>(entries: Iterable<readonly [K, V]>): PersistentMap<K, V> {
    return PersistentMap.empty<K, V>().with(entries);
  }

  get(key: K): V | undefined {
    return this.#root === undefined ? undefined : nodeGet(this.#root, hashKey(key), key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** Every key with its value. The map may be iterated while newer versions are made from it. */
  *entries(): IterableIterator<[K, V]> {
    if (this.#root !== undefined) yield* nodeEntries(this.#root);
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  /** What makes this map of an earlier version, at the cost of what differs where one was made from the other. */
  changesSince(before: PersistentMap<K, V>): Changes<K, V> {
    const changes = new Map<K, V | typeof removed>();
    for (const [key, value] of nodeChanges(before.#root, this.#root)) changes.set(key, value ?? removed);
    return changes;
  }

  /** This map with the changes; a value of `undefined` cannot be told from no value, so do not put any. */
  with(changes: Iterable<readonly [K, V | typeof removed]>): PersistentMap<K, V> {
    // Nodes made for these changes are changed in place while they last; no other version has seen them.
    const owner: Owner = { added: 0 };
    let root = this.#root;
    for (const [key, value] of changes) {
      const hash = hashKey(key);
      root =
        value === removed
          ? root && nodeWithout(root, { owner, hash, key, shift: 0 })
          : nodeSet(root, { owner, hash, key, shift: 0 }, value);
    }
    const size = this.size + owner.added;
    return root === this.#root ? this : new PersistentMap(root, size);
  }
}
