import type { Memory } from '../memory.ts';
import type { StatePiece } from './manifest.ts';
import type { MemoryCodec } from './memory-codec.ts';
import { type Converted, type StateConversions, claimState, convertState } from './state-conversion.ts';

/** By key of the memory, how each operator is written down. */
export type Codecs = ReadonlyMap<string, MemoryCodec>;

/** All that the operators remember. */
export function* snapshotPieces(memory: Memory, codecs: Codecs): Generator<StatePiece, void, undefined> {
  for (const [operator, codec] of codecs) {
    if (!memory.has(operator)) continue;
    for (const data of codec.snapshot(memory.get(operator))) yield { operator, content: 'snapshot', data };
  }
}

/** What makes the memory `after` of `before`; the whole memory of an operator that cannot tell it, or is new. */
export function* changedPieces(before: Memory, after: Memory, codecs: Codecs): Generator<StatePiece, void, undefined> {
  for (const [operator, codec] of codecs) {
    const [old, now] = [before.get(operator), after.get(operator)];
    if (old === now) continue;
    const changes = before.has(operator) ? codec.changes(old, now) : undefined;
    if (changes === undefined) {
      for (const data of codec.snapshot(now)) yield { operator, content: 'snapshot', data };
    } else {
      for (const data of changes) yield { operator, content: 'changes', data };
    }
  }
}

/** What the pieces of some objects make, and of which operators they are that nobody has a codec for. */
export interface Restored {
  readonly memory: Memory;
  readonly unclaimed: readonly string[];
  readonly converted: readonly Converted[];
}

/** How state of an earlier program is read, and which versions of it the objects hold. */
export interface Conversion {
  readonly conversions: StateConversions;
  readonly versions?: Readonly<Record<string, number>> | undefined;
}

interface Parts {
  snapshot: unknown[];
  changes: unknown[];
}

/**
 * Puts the memory together from the pieces of each object of a version, in the order in which they were committed. What an
 * object holds as the whole of an operator stands in the place of all before.
 * @throws MillraceError see {@link claimState} and {@link convertState}
 */
export function restoreMemory(
  objects: readonly (readonly StatePiece[])[],
  codecs: Codecs,
  { conversions, versions = {} }: Conversion = { conversions: new Map() },
): Restored {
  const operators = new Map<string, Parts>();
  for (const pieces of objects) {
    const whole = new Set<string>();
    for (const { operator, content, data } of pieces) {
      if (content === 'snapshot' && !whole.has(operator)) {
        whole.add(operator);
        operators.set(operator, { snapshot: [], changes: [] });
      }
      const parts = operators.get(operator) ?? { snapshot: [], changes: [] };
      operators.set(operator, parts);
      parts[content].push(data);
    }
  }
  const memory = new Map<string, unknown>();
  const unclaimed: string[] = [];
  const converted: Converted[] = [];
  const takers = claimState(operators.keys(), codecs, conversions);
  for (const [storedAs, { snapshot, changes }] of operators) {
    const operator = takers.get(storedAs);
    const codec = operator === undefined ? undefined : codecs.get(operator);
    if (operator === undefined || codec === undefined) {
      unclaimed.push(storedAs);
      continue;
    }
    const storedVersion = (Object.hasOwn(versions, storedAs) ? versions[storedAs] : undefined) ?? 0;
    const stored = { operator, storedAs, storedVersion, snapshot, changes };
    const read = convertState(stored, codec, conversions.get(operator));
    memory.set(operator, read.memory);
    if (read.converted !== undefined) converted.push(read.converted);
  }
  return { memory, unclaimed, converted };
}
