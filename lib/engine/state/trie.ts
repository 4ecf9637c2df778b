import type { PairKey } from '../key.ts';

/** Who may change a node in place: the one round of changes that made it. `added` counts keys, less those removed. */
export interface Owner {
  added: number;
}

/** A few keys whose hashes begin alike. The arrays are parallel. */
interface Leaf<K, V> {
  readonly owner: Owner;
  /** Who may add keys in place: a leaf that was copied for a value alone shares its keys with an earlier version. */
  readonly keyOwner: Owner;
  readonly hashes: number[];
  readonly keys: K[];
  readonly values: V[];
}

/** Up to 16 nodes, by the next four bits of the hash. */
interface Branch<K, V> {
  readonly owner: Owner;
  readonly children: (Node<K, V> | undefined)[];
}

/** A node of the trie behind a `PersistentMap`. */
export type Node<K, V> = Leaf<K, V> | Branch<K, V>;

/** Which key, at which depth, in whose round of changes. */
export interface Path<K> {
  readonly owner: Owner;
  readonly hash: number;
  readonly key: K;
  readonly shift: number;
}

const bitsPerLevel = 4;
const width = 1 << bitsPerLevel;
const lowBits = width - 1;
/** Below this level the hash has no more bits: keys of one hash share a leaf, however many. */
const lastShift = 28;
/** A leaf with more keys becomes a branch. Copying one stays cheap, and a million keys lie five nodes deep. */
const leafKeys = 32;

/** The key's value. */
export function nodeGet<K extends PairKey, V>(root: Node<K, V>, hash: number, key: K): V | undefined {
  let node: Node<K, V> | undefined = root;
  for (let shift = 0; node !== undefined; shift += bitsPerLevel) {
    if ('keys' in node) {
      const index = placeOf(node, hash, key);
      return index === -1 ? undefined : node.values[index];
    }
    node = node.children[(hash >>> shift) & lowBits];
  }
  return undefined;
}

/** The node with the key set. */
export function nodeSet<K extends PairKey, V>(node: Node<K, V> | undefined, path: Path<K>, value: V): Node<K, V> {
  if (node === undefined) {
    path.owner.added += 1;
    return { owner: path.owner, keyOwner: path.owner, hashes: [path.hash], keys: [path.key], values: [value] };
  }
  if ('keys' in node) return leafSet(node, path, value);
  const slot = (path.hash >>> path.shift) & lowBits;
  const before = node.children[slot];
  const after = nodeSet(before, deeper(path), value);
  return after === before ? node : withChild(node, path.owner, slot, after);
}

/** The node without the key; `undefined` when nothing is left of it. */
export function nodeWithout<K extends PairKey, V>(node: Node<K, V>, path: Path<K>): Node<K, V> | undefined {
  if ('keys' in node) return leafWithout(node, path);
  const slot = (path.hash >>> path.shift) & lowBits;
  const before = node.children[slot];
  if (before === undefined) return node;
  const after = nodeWithout(before, deeper(path));
  if (after === before) return node;
  const branch = withChild(node, path.owner, slot, after);
  return after === undefined || 'keys' in after ? withoutDetour(branch) : branch;
}

/** Every key with its value. */
export function* nodeEntries<K, V>(node: Node<K, V>): IterableIterator<[K, V]> {
  if ('keys' in node) {
    for (let index = 0; index < node.keys.length; index += 1) yield [node.keys[index] as K, node.values[index] as V];
    return;
  }
  for (const child of node.children) if (child !== undefined) yield* nodeEntries(child);
}

/**
 * The keys in which two tries differ, each with its value in `after` (`undefined` where it is not there). Parts that both
 * share are not looked at, so that it costs what was changed.
 */
export function* nodeChanges<K extends PairKey, V>(
  before: Node<K, V> | undefined,
  after: Node<K, V> | undefined,
): IterableIterator<[K, V | undefined]> {
  if (before === after) return;
  if (before !== undefined && after !== undefined && 'children' in before && 'children' in after) {
    for (let slot = 0; slot < width; slot += 1) yield* nodeChanges(before.children[slot], after.children[slot]);
    return;
  }
  // A leaf became a branch, or the other way: both hold the same part of the keys, and one of them is small.
  const old = new Map(before === undefined ? [] : nodeEntries(before));
  if (after !== undefined) {
    for (const [key, value] of nodeEntries(after)) {
      if (!Object.is(old.get(key), value)) yield [key, value];
      old.delete(key);
    }
  }
  for (const key of old.keys()) yield [key, undefined];
}

function deeper<K>(path: Path<K>): Path<K> {
  return { owner: path.owner, hash: path.hash, key: path.key, shift: path.shift + bitsPerLevel };
}

function placeOf<K extends PairKey, V>(leaf: Leaf<K, V>, hash: number, key: K): number {
  const { hashes, keys } = leaf;
  for (let index = 0; index < hashes.length; index += 1) {
    if (hashes[index] === hash && keys[index] === key) return index;
  }
  return -1;
}

function leafSet<K extends PairKey, V>(leaf: Leaf<K, V>, path: Path<K>, value: V): Node<K, V> {
  const { owner, hash, key, shift } = path;
  const index = placeOf(leaf, hash, key);
  if (index !== -1) {
    if (Object.is(leaf.values[index], value)) return leaf;
    // The keys stay, so that they can be shared; only the values are copied.
    const own = leaf.owner === owner ? leaf : { ...leaf, owner, values: [...leaf.values] };
    own.values[index] = value;
    return own;
  }
  owner.added += 1;
  const isOwn = leaf.owner === owner && leaf.keyOwner === owner;
  const grown = isOwn ? leaf : copyOf(leaf, owner);
  grown.hashes.push(hash);
  grown.keys.push(key);
  grown.values.push(value);
  return grown.keys.length > leafKeys && shift <= lastShift ? split(grown, shift) : grown;
}

function copyOf<K, V>({ hashes, keys, values }: Leaf<K, V>, owner: Owner): Leaf<K, V> {
  return { owner, keyOwner: owner, hashes: [...hashes], keys: [...keys], values: [...values] };
}

/** Spreads a leaf over a branch by the bits at `shift`. */
function split<K extends PairKey, V>(leaf: Leaf<K, V>, shift: number): Node<K, V> {
  const { owner, hashes, keys, values } = leaf;
  const children: (Node<K, V> | undefined)[] = Array.from({ length: width });
  for (const [index, hash] of hashes.entries()) {
    const slot = (hash >>> shift) & lowBits;
    const there = children[slot] as Leaf<K, V> | undefined;
    const into = there ?? { owner, keyOwner: owner, hashes: [], keys: [], values: [] };
    into.hashes.push(hash);
    into.keys.push(keys[index] as K);
    into.values.push(values[index] as V);
    children[slot] = into;
  }
  return { owner, children };
}

function leafWithout<K extends PairKey, V>(leaf: Leaf<K, V>, path: Path<K>): Node<K, V> | undefined {
  const index = placeOf(leaf, path.hash, path.key);
  if (index === -1) return leaf;
  path.owner.added -= 1;
  if (leaf.keys.length === 1) return undefined;
  return {
    owner: path.owner,
    keyOwner: path.owner,
    hashes: leaf.hashes.toSpliced(index, 1),
    keys: leaf.keys.toSpliced(index, 1),
    values: leaf.values.toSpliced(index, 1),
  };
}

function withChild<K, V>(
  branch: Branch<K, V>,
  owner: Owner,
  slot: number,
  child: Node<K, V> | undefined,
): Branch<K, V> {
  const own = branch.owner === owner ? branch : { owner, children: [...branch.children] };
  own.children[slot] = child;
  return own;
}

/** A branch that leads to nothing, or to one leaf alone, is a detour: what it leads to takes its place. */
function withoutDetour<K, V>(branch: Branch<K, V>): Node<K, V> | undefined {
  let only: Node<K, V> | undefined;
  for (const child of branch.children) {
    if (child === undefined) continue;
    if (only !== undefined) return branch;
    only = child;
  }
  return only === undefined || 'keys' in only ? only : branch;
}
