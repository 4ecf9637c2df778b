import type { PairKey } from '../key.ts';
import { cannotChange, freezeState } from './freeze.ts';
import { type Changes, PersistentMap, removed } from './persistent-map.ts';
import { TimerIndex, type Touched } from './timer-index.ts';

/** The state of one key. */
export interface StateEntry<S> extends Touched {
  readonly value: S;
  /** Batch time at which the key last had data, or got this value. */
  readonly touchedMillis: number;
  readonly bornMillis: number;
}

/** One version of the state of all keys of an operator. It never changes. */
export interface KeyedState<K extends PairKey = PairKey, S = unknown> {
  readonly entries: PersistentMap<K, StateEntry<S>>;
  /** Present when the operator has a timeout. */
  readonly timers: TimerIndex<K> | undefined;
}

/** The state before the first batch. */
export function initialKeyedState<K extends PairKey, S>(
  values: Iterable<readonly [K, S]> = [],
  timeMillis = 0,
  timeoutMillis?: number,
): KeyedState<K, S> {
  const born = { touchedMillis: timeMillis, bornMillis: timeMillis };
  const entries = Array.from(values, ([key, value]) => [key, { value: freezeState(value), ...born }] as const);
  return keyedStateOf(PersistentMap.of(entries), timeoutMillis);
}

/** A version with these entries; the timer index is made from them. */
export function keyedStateOf<K extends PairKey, S>(
  entries: PersistentMap<K, StateEntry<S>>,
  timeoutMillis?: number,
): KeyedState<K, S> {
  return { entries, timers: timeoutMillis === undefined ? undefined : TimerIndex.of(timeoutMillis, entries) };
}

/** What one batch does to keyed state. The version it begins with stays as it is; `next` gives the new one. */
export class KeyedEdit<K extends PairKey, S> {
  readonly #base: KeyedState<K, S>;
  readonly #batchTimeMillis: number;
  readonly #changes = new Map<K, StateEntry<S> | typeof removed>();

  constructor(base: KeyedState<K, S>, batchTimeMillis: number) {
    this.#base = base;
    this.#batchTimeMillis = batchTimeMillis;
  }

  /** What differs from the version before. */
  get changes(): Changes<K, StateEntry<S>> {
    return this.#changes;
  }

  get(key: K): StateEntry<S> | undefined {
    const changed = this.#changes.get(key);
    if (changed === undefined) return this.#base.entries.get(key);
    return changed === removed ? undefined : changed;
  }

  /**
   * Puts the state of a key, given the entry that {@link get} told; it is frozen. `touch` renews the time of an
   * unchanged value too.
   */
  set(key: K, value: S, before: StateEntry<S> | undefined, touch: boolean): void {
    if (before !== undefined && !touch && Object.is(before.value, value) && cannotChange(value)) return;
    const touchedMillis = this.#batchTimeMillis;
    const bornMillis = before?.bornMillis ?? touchedMillis;
    this.#changes.set(key, { value: freezeState(value), touchedMillis, bornMillis });
  }

  remove(key: K): void {
    if (this.#base.entries.has(key)) this.#changes.set(key, removed);
    else this.#changes.delete(key);
  }

  /** The keys last touched before the threshold. */
  dueBefore(thresholdMillis: number): readonly K[] {
    return this.#base.timers?.advance(thresholdMillis, (key) => this.get(key)).due ?? [];
  }

  /** The new version; those due before the threshold are off the timers. */
  next(thresholdMillis = Number.NEGATIVE_INFINITY): KeyedState<K, S> {
    const entries = this.#base.entries.with(this.#changes);
    const { timers } = this.#base;
    if (timers === undefined) return { entries, timers };
    const born: K[] = [];
    for (const [key, entry] of this.#changes) {
      if (entry !== removed && entry.bornMillis === this.#batchTimeMillis) born.push(key);
    }
    const passed = timers.advance(thresholdMillis, (key) => entries.get(key)).index;
    return { entries, timers: passed.withBorn(born, this.#batchTimeMillis) };
  }
}
