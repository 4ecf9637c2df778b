import type { Given } from '../given.ts';
import type { PairKey } from '../key.ts';
import { each } from '../state/each.ts';
import { type Changes, PersistentMap, removed } from '../state/persistent-map.ts';
import type { Step, StepContext } from '../stateful-node.ts';
import { type Counted, type ValueFunction, addCounted, reducePane, takeCounted } from './counted.ts';
import { type Pane, type Panes, type WindowSpan, nextWindowEnd, panesIn, withPane } from './panes.ts';

/** The pairs of a batch, reduced by key. */
export type ReducedPane = Pane<ReadonlyMap<PairKey, Counted>>;

/** What a window with an inverse function remembers. */
export interface InverseMemory {
  /** The window that was given last, by key. */
  readonly values: PersistentMap<PairKey, Counted>;
  /** How `values` differs from that of the memory before. */
  readonly changes: Changes<PairKey, Counted>;
  /** Where that window ended; `undefined` before the first. */
  readonly endMillis: number | undefined;
  /** What that window and those to come hold. */
  readonly panes: Panes<ReadonlyMap<PairKey, Counted>>;
}

/** What the step is made of. */
export interface InverseFields {
  readonly span: WindowSpan;
  readonly f: ValueFunction;
  readonly inverse: ValueFunction;
  /** Keys for which it says no are not given. They are remembered all the same, as long as the window holds pairs of them. */
  readonly filter: ((key: PairKey, value: unknown) => boolean) | undefined;
}

/** The memory before the first batch. */
export const initialInverseMemory: InverseMemory = {
  values: PersistentMap.empty(),
  changes: new Map(),
  endMillis: undefined,
  panes: [],
};

/** After so many windows, or so many as one holds where these are more, the values are computed from the panes anew. */
const windowsBetweenRecounts = 100;

/**
 * The step of `reduceByKeyAndWindow` with an inverse function: the last window, without what left, with what came. A key
 * is dropped with the last of its pairs, and from time to time all is computed from the panes, so that rounding errors
 * (0.1 + 0.2 - 0.2) do not add up.
 */
export function inverseStep(fields: InverseFields) {
  const { span, f } = fields;
  return async (
    before: InverseMemory,
    [given]: readonly Given[],
    context: StepContext,
  ): Promise<Step<InverseMemory>> => {
    const { batchTimeMillis, isDue } = context;
    const content = await reducePane(given ?? null, f, context);
    const pane = content.size === 0 ? undefined : { timeMillis: batchTimeMillis, content };
    // What the last window held must stay until it has been taken out of the next one.
    const needed = Math.min(before.endMillis ?? Number.POSITIVE_INFINITY, nextWindowEnd(context, span));
    const panes = withPane(before.panes, pane, needed - span.windowMillis);
    if (!isDue) return { memory: { ...before, changes: new Map(), panes }, given: null };
    const edit = new WindowEdit(isRecount(context, span) ? undefined : before, batchTimeMillis, span);
    await edit.apply(panes, fields, context);
    const changes = edit.changesTo(before.values);
    const values = before.values.with(changes);
    const memory: InverseMemory = {
      values,
      changes,
      endMillis: batchTimeMillis,
      panes: panesIn(panes, batchTimeMillis - span.windowMillis, batchTimeMillis),
    };
    return { memory, given: [[...givenPairs(values, fields.filter)]] };
  };
}

function* givenPairs(
  values: InverseMemory['values'],
  filter: InverseFields['filter'],
): IterableIterator<readonly [PairKey, unknown]> {
  for (const [key, { value }] of values) if (filter === undefined || filter(key, value)) yield [key, value];
}

function isRecount(
  { batchTimeMillis, zeroTimeMillis }: StepContext,
  { windowMillis, slideMillis }: WindowSpan,
): boolean {
  const every = Math.max(windowsBetweenRecounts, Math.ceil(windowMillis / slideMillis));
  return ((batchTimeMillis - zeroTimeMillis) / slideMillis) % every === 0;
}

/** The values of a window on the way from the last one, or from nothing. */
class WindowEdit {
  readonly #base: InverseMemory | undefined;
  readonly #end: number;
  readonly #start: number;
  readonly #touched = new Map<PairKey, Counted>();

  constructor(base: InverseMemory | undefined, endMillis: number, span: WindowSpan) {
    this.#base = base?.endMillis === undefined ? undefined : base;
    this.#end = endMillis;
    this.#start = endMillis - span.windowMillis;
  }

  get(key: PairKey): Counted | undefined {
    return this.#touched.get(key) ?? this.#base?.values.get(key);
  }

  set(key: PairKey, counted: Counted): void {
    this.#touched.set(key, counted);
  }

  /** Takes out the panes that left, then puts in those that came, in order of time. */
  async apply(panes: InverseMemory['panes'], { f, inverse, span }: InverseFields, context: StepContext): Promise<void> {
    const last = this.#base?.endMillis;
    if (last !== undefined) {
      for (const { content } of panesIn(panes, last - span.windowMillis, Math.min(last, this.#start))) {
        await each(content, ([key, take]) => takeCounted(this, { key, take, inverse }), context);
      }
    }
    for (const { content } of panesIn(panes, Math.max(last ?? this.#start, this.#start), this.#end)) {
      await each(content, ([key, add]) => addCounted(this, { key, add, f }), context);
    }
  }

  changesTo(before: InverseMemory['values']): Changes<PairKey, Counted> {
    const changes = new Map<PairKey, Counted | typeof removed>();
    for (const [key, counted] of this.#touched) {
      if (counted.count > 0) changes.set(key, counted);
      else if (before.has(key)) changes.set(key, removed);
    }
    if (this.#base !== undefined) return changes;
    for (const [key] of before) if (!this.#touched.has(key)) changes.set(key, removed);
    return changes;
  }
}
