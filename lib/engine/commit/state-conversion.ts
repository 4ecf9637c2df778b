import { MillraceError, isMillraceError } from '../../base/error.ts';
import type { PairKey } from '../key.ts';
import { restoreValue, storeValue } from '../state/stored-value.ts';
import type { MemoryCodec } from './memory-codec.ts';

/** What {@link StateConversion.convert} is told beside the value. */
export interface ConversionContext {
  /** The id of the operator in the program. */
  readonly operator: string;
  /** The id under which the state is stored: a former one, or the same. */
  readonly storedAs: string;
  /** The version of the state that is stored: 0 unless a program said another one. */
  readonly storedVersion: number;
  /** Whose value it is. */
  readonly key: PairKey;
}

/** How a changed program reads the state that an operator had before. */
export interface StateConversion {
  /** The id, or ids, that the operator had before: state that is stored under one of them is its own. */
  readonly formerId?: string | readonly string[];
  /**
   * The version of the values' shape, a whole number: 0 unless said. It is written down with the state, so that what was
   * converted is not converted again. Raise it with every change of the shape, and keep it when `convert` is taken out.
   */
  readonly version?: number;
  /**
   * Makes of a value of an earlier version one of this version; `undefined` drops the key. The value is a copy, as the
   * program had it (dates are dates, maps maps), and may be changed. Pure and synchronous: it runs each time a version is
   * read that holds the earlier shape. Only for operators that keep values by key.
   */
  readonly convert?: (stored: unknown, context: ConversionContext) => unknown;
}

/** By operator id of the program. */
export type StateConversions = ReadonlyMap<string, StateConversion>;

/** Of state that was converted, or taken over from a former id: how much it was. */
export interface Converted {
  readonly operator: string;
  readonly storedAs: string;
  readonly storedVersion: number;
  readonly version: number;
  /** Keys that `convert` was called for, and those of them that it dropped; 0 where the id alone has changed. */
  readonly keys: number;
  readonly dropped: number;
}

type Codecs = ReadonlyMap<string, MemoryCodec>;

/**
 * Holds conversions to the operators of the program.
 * @throws MillraceError `MR_CONFIG_INVALID` for an operator that the program does not have or that keeps no values by key, a
 * former id that is still in use or named twice, a version that is none, and a function without a version
 */
export function checkConversions(
  given: Readonly<Record<string, StateConversion>> | undefined,
  codecs: Codecs,
): StateConversions {
  const conversions = new Map(Object.entries(given ?? {}));
  const claimed = new Map<string, string>();
  for (const [operator, { version = 0, convert, ...conversion }] of conversions) {
    const codec = codecs.get(operator);
    const ids = [...codecs.keys()].join(', ') || 'none';
    if (codec === undefined) throw invalid(operator, `the program has no such operator with state; it has ${ids}`);
    if (!Number.isSafeInteger(version) || version < 0) {
      throw invalid(operator, `version is ${JSON.stringify(version)}: give a whole number, 0 or more`);
    }
    if (convert !== undefined && typeof convert !== 'function') throw invalid(operator, 'convert is no function');
    if (convert !== undefined && version === 0) {
      throw invalid(operator, 'convert needs a version of 1 or more, so that nothing is converted twice');
    }
    if (convert !== undefined && codec.convert === undefined) {
      throw invalid(operator, 'the operator keeps no values by key, so there is nothing to convert; formerId works');
    }
    for (const formerId of formerIdsOf(conversion)) {
      if (codecs.has(formerId))
        throw invalid(operator, `its former id ${formerId} is still an operator of the program`);
      const other = claimed.get(formerId);
      if (other !== undefined) throw invalid(operator, `${other} has the former id ${formerId}, too`);
      claimed.set(formerId, operator);
    }
  }
  return conversions;
}

/** The versions to write down with the state; absent where all are 0. */
export function versionsOf(
  codecs: Codecs,
  conversions: StateConversions,
): Readonly<Record<string, number>> | undefined {
  const versions: [string, number][] = [];
  for (const operator of codecs.keys()) {
    const version = conversions.get(operator)?.version ?? 0;
    if (version > 0) versions.push([operator, version]);
  }
  // Made of entries, since an id may be called as a property that objects have.
  return versions.length === 0 ? undefined : Object.fromEntries(versions);
}

/**
 * Which operator of the program takes which stored state; what nobody takes is left out.
 * @throws MillraceError `MR_STATE_INVALID` where one would take two
 */
export function claimState(
  stored: Iterable<string>,
  codecs: Codecs,
  conversions: StateConversions,
): ReadonlyMap<string, string> {
  const former = new Map<string, string>();
  for (const [operator, conversion] of conversions) {
    for (const formerId of formerIdsOf(conversion)) former.set(formerId, operator);
  }
  const takers = new Map<string, string>();
  const taken = new Map<string, string>();
  for (const storedAs of stored) {
    const operator = codecs.has(storedAs) ? storedAs : former.get(storedAs);
    if (operator === undefined) continue;
    const other = taken.get(operator);
    if (other !== undefined) {
      throw stateInvalid(
        `operator ${operator} would take the state of both ${other} and ${storedAs}, which were two operators: take one of them out of convertState`,
      );
    }
    taken.set(operator, storedAs);
    takers.set(storedAs, operator);
  }
  return takers;
}

/** Stored state that an operator takes. */
export interface StoredState {
  readonly operator: string;
  readonly storedAs: string;
  readonly storedVersion: number;
  readonly snapshot: readonly unknown[];
  readonly changes: readonly unknown[];
}

/**
 * The memory that stored state makes, in the shape of the program; pure, unless `convert` of the program is not.
 * @throws MillraceError `MR_STATE_INVALID` where `convert` fails for any key, or is missing; `MR_STATE_NEWER` where the stored
 * version is above that of the program; `MR_STATE_DAMAGED`
 */
export function convertState(
  stored: StoredState,
  codec: MemoryCodec,
  conversion: StateConversion = {},
): { readonly memory: unknown; readonly converted: Converted | undefined } {
  const { operator, storedAs, storedVersion, snapshot, changes } = stored;
  const { version = 0, convert } = conversion;
  const what = { operator, storedAs, storedVersion, version };
  if (storedVersion > version) {
    throw new MillraceError(
      'MR_STATE_NEWER',
      `the state of operator ${operator} has version ${storedVersion}, and the program says ${version}: run the program that wrote it, ` +
        `keep convertState.${operator}.version at ${storedVersion} or more, or rewind to a version before the conversion`,
    );
  }
  if (storedVersion === version) {
    const converted = storedAs === operator ? undefined : { ...what, keys: 0, dropped: 0 };
    return { memory: codec.restore(snapshot, changes), converted };
  }
  if (convert === undefined || codec.convert === undefined) {
    throw stateInvalid(
      `the state of operator ${operator} is stored in version ${storedVersion}, and the program says ${version}: give convertState.${operator}.convert, which makes the one of the other`,
    );
  }
  const tally = new Tally();
  const pieces = codec.convert(snapshot, changes, (data, key) => {
    const value = restoreValue(data);
    return tally.try(key, () => convert(value, { operator, storedAs, storedVersion, key }));
  });
  tally.check(stored);
  return { memory: codec.restore(pieces, []), converted: { ...what, keys: tally.keys, dropped: tally.dropped } };
}

/** Counts what a conversion does, and goes on after a failure, so that the error can say how many there are. */
class Tally {
  keys = 0;
  dropped = 0;
  #failed = 0;
  #first: { readonly key: PairKey; readonly thrown: unknown } | undefined;

  /** The data to store; what cannot be written down is a failure of the function, too. */
  try(key: PairKey, convert: () => unknown): unknown {
    this.keys += 1;
    try {
      const value = convert();
      if (value !== undefined) return storeValue(value);
      this.dropped += 1;
      return undefined;
    } catch (thrown) {
      this.#failed += 1;
      this.#first ??= { key, thrown };
      return undefined;
    }
  }

  check({ operator, storedAs }: StoredState): void {
    if (this.#first === undefined) return;
    const { key, thrown } = this.#first;
    const why = isMillraceError(thrown) ? thrown.message.replace(/^MR_[A-Z_]+: /, '') : reasonOf(thrown);
    const name = typeof key === 'string' ? JSON.stringify(key) : String(key);
    throw new MillraceError(
      'MR_STATE_INVALID',
      `convertState.${operator}.convert failed for ${this.#failed} of ${this.keys} keys of the state that is stored as ${storedAs}, first for ${name}: ${why}. Nothing was written; mend the function and start again`,
      { cause: thrown },
    );
  }
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function formerIdsOf({ formerId = [] }: StateConversion): readonly string[] {
  return typeof formerId === 'string' ? [formerId] : formerId;
}

function invalid(operator: string, why: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', `convertState.${operator}: ${why}`);
}

function stateInvalid(message: string): MillraceError {
  return new MillraceError('MR_STATE_INVALID', message);
}
