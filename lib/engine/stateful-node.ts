import type { Given } from './given.ts';
import type { NodeHead } from './node-head.ts';
import type { Persistence } from './persistence.ts';

/**
 * An operator that remembers something from batch to batch: a window, a state by key.
 *
 * Its memory is an immutable value `M`: a step gets the memory that the last committed batch left and answers with the
 * next one, and never changes what it was given. So a batch that fails, is tried again or is dropped leaves the
 * memory as it was; the new one counts from the moment at which the whole batch is done. A step may share structure
 * between versions; it must not keep anything anywhere else.
 *
 * A step runs once for each batch of its commit group, in order, whether or not an output asks for the result. Times
 * may be missing (batches were put together, or skipped while nothing ran), so reckon with `batchTimeMillis` and never
 * by counting steps.
 */
export interface StatefulNode<Parent, M = unknown> extends NodeHead {
  readonly tag: 'stateful';
  readonly parents: readonly Parent[];
  /** Under which the memory is kept: the operator id that the program gave. Unique in a plan; `null` for what has no id. */
  readonly stateId: string | null;
  /** Whether the plan needs a state store (`state` of the context) for it. */
  readonly needsStore: boolean;
  /**
   * How often the stream gives a batch, milliseconds, a multiple of its parents' slide: at the zero time + k x slide.
   * Absent: as often as its parents.
   */
  readonly slideMillis?: number | undefined;
  /** How long a window is, milliseconds, a multiple of the parents' slide; for what is no window, absent. */
  readonly windowMillis?: number | undefined;
  /**
   * What of the shards the operator must see: `each` shard alone is enough (a plain window); `keyed`: enough where the
   * keys are placed by shard (`keyByPartitionKey()`); `all` of them together.
   */
  readonly sees: 'each' | 'keyed' | 'all';
  /** Whether the program said that results per shard are enough, because whoever reads them merges them. */
  readonly partial: boolean;
  /** Whether what comes out are pairs with keys of the parents' pairs. */
  readonly keepsKeys: boolean;
  /** How the memory is committed, and divided with its shard. */
  readonly persistence: Persistence<M>;
  /** The memory before the first batch. */
  readonly initial: () => M;
  readonly step: (memory: M, given: readonly Given[], context: StepContext) => Step<M> | Promise<Step<M>>;
}

/** What a step is told beside its memory and what its parents gave. */
export interface StepContext {
  /** The batch time, milliseconds since 1970. */
  readonly batchTimeMillis: number;
  /** The time before the first batch of the context: slides and windows are counted from it. */
  readonly zeroTimeMillis: number;
  readonly batchIntervalMillis: number;
  /** Whether the stream gives a batch at this time; where not, `given` of the answer is not looked at. */
  readonly isDue: boolean;
  /** Aborts when the batch is given up. */
  readonly signal: AbortSignal;
  /** Resolves after other work of the process had a turn, when it is time for that; call it every few hundred items. */
  readonly breathe: () => Promise<void> | undefined;
  /** Tells of what a limit did; told again when the batch is tried again. */
  readonly tell?: ((note: StepNote) => void) | undefined;
}

/** What a step may tell: an event without the batch that it was in. */
export interface StepNote {
  readonly type: 'ids.forgotten';
  readonly operator: string;
  readonly ids: number;
  readonly maximumIds: number;
}

/** What a step answers. */
export interface Step<M> {
  readonly memory: M;
  readonly given: Given;
}
