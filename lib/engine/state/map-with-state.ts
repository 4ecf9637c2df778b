import type { Given } from '../given.ts';
import type { PairKey } from '../key.ts';
import type { Step, StepContext } from '../stateful-node.ts';
import { isThenable } from '../../base/thenable.ts';
import { each } from './each.ts';
import { itemsOf } from './group-values.ts';
import { KeyedEdit, type KeyedState } from './keyed-state.ts';
import { State } from './state.ts';
import type { MappingFunction } from './state-spec.ts';

/** What the node of `mapWithState` gives at a batch time: one item, of which the two streams of it are made. */
export interface MappedWithState {
  readonly mapped: readonly unknown[];
  readonly state: KeyedState;
}

/** What the step is made of. */
export interface MapWithStateFields {
  readonly f: MappingFunction<PairKey, unknown, unknown, unknown>;
  readonly timeoutMillis: number | undefined;
}

/**
 * The step of `mapWithState`. Only keys with data, and those that time out, are touched (Spark's rules,
 * `MapWithStateRDDRecord`): data renews the time of a key when there is a timeout; a key times out when it was last
 * touched strictly before batch time - timeout.
 */
export function mapWithStateStep(fields: MapWithStateFields) {
  return async (before: KeyedState, [given]: readonly Given[], context: StepContext): Promise<Step<KeyedState>> => {
    const round = new MappingRound(fields, before, context);
    await each(itemsOf(given ?? null), round.mapItem, context);
    await each(round.due, round.timeOut, context);
    const memory = round.next;
    return { memory, given: [[{ mapped: round.mapped, state: memory } satisfies MappedWithState]] };
  };
}

/** One batch of `mapWithState`. */
class MappingRound {
  readonly mapped: unknown[] = [];
  readonly #fields: MapWithStateFields;
  readonly #context: StepContext;
  readonly #edit: KeyedEdit<PairKey, unknown>;
  readonly #thresholdMillis: number;

  constructor(fields: MapWithStateFields, before: KeyedState, context: StepContext) {
    this.#fields = fields;
    this.#context = context;
    this.#edit = new KeyedEdit(before, context.batchTimeMillis);
    this.#thresholdMillis = context.batchTimeMillis - (fields.timeoutMillis ?? Number.POSITIVE_INFINITY);
  }

  /** The keys whose timeout has passed; ask when all data are mapped. */
  get due(): readonly PairKey[] {
    return this.#edit.dueBefore(this.#thresholdMillis);
  }

  get next(): KeyedState {
    return this.#edit.next(this.#thresholdMillis);
  }

  readonly mapItem = (item: unknown): void | PromiseLike<void> => {
    const [key, value] = item as readonly [PairKey, unknown];
    const found = this.#edit.get(key);
    const state = new State(found);
    const result = this.#fields.f(key, value, state, this.#context);
    const finish = (mapped: unknown) => {
      if (mapped !== undefined) this.mapped.push(mapped);
      if (state.isRemoved()) this.#edit.remove(key);
      else if (state.isUpdated()) this.#edit.set(key, state.get(), found, true);
      else if (found !== undefined && this.#fields.timeoutMillis !== undefined) {
        this.#edit.set(key, found.value, found, true);
      }
    };
    return isThenable(result) ? result.then(finish) : finish(result);
  };

  readonly timeOut = (key: PairKey): void | PromiseLike<void> => {
    const result = this.#fields.f(key, undefined, new State(this.#edit.get(key), true), this.#context);
    const finish = (mapped: unknown) => {
      if (mapped !== undefined) this.mapped.push(mapped);
      this.#edit.remove(key);
    };
    return isThenable(result) ? result.then(finish) : finish(result);
  };
}

/** The pairs of a version, for `stateSnapshots`. */
export function* snapshotPairs(state: KeyedState): IterableIterator<readonly [PairKey, unknown]> {
  for (const [key, entry] of state.entries) yield [key, entry.value];
}
