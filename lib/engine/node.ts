import type { Batch } from './batch.ts';
import type { Fence } from './commit/fence.ts';
import type { BatchIds } from './commit/manifest.ts';
import type { LocalSource } from './local-source.ts';
import type { Sink, SinkGuarantee } from './sink/sink.ts';
import type { StatefulNode } from './stateful-node.ts';
import type { NodeHead } from './node-head.ts';

/**
 * The graph of streams as data. A node says what is to be done, `evaluate.ts` does it; so plans can be compared,
 * explained and extended without touching the streams that built them. User functions are kept with their types
 * erased: the builder checked them, and the evaluation only hands items from one to the next.
 *
 * At a batch time every node gives one of three results (`given.ts`): none (`null`), an empty batch, or data. It is
 * computed once per time and kept until the last output that needs it is done; runs of narrow nodes that only one
 * reads are one pass, and keep nothing.
 *
 * How an operator is added:
 *
 * - **stateless, item by item**: a kind of {@link NarrowNode} with its line in `narrow.ts`. The fusing, the fault
 *   that names the operator and the async functions come with it. Where it composes others, build it from their nodes.
 * - **stateless, over whole batches**: a node type here, its branch in `evaluate.ts` with the work in a file of its
 *   own, its parents in `parentsOf`, and its line in `scope.ts`. Answer `null` where the parent gave `null`; use
 *   `evaluation.all(node, parents)` where Spark refuses a stream that gives none.
 * - **windowed or stateful** (anything that remembers): no branch anywhere. Make a {@link StatefulNode} with a pure
 *   `step(memory, given, context)`; see `stateful-node.ts`. It runs at every batch time, also where no output asks.
 *
 * Then the method in `stream.ts` makes the node with `graph.head(name)` (which numbers it, notes the user's line and
 * refuses it after the start), and `docs/streaming.md` gets its row.
 */
export type StreamNode =
  | InputNode
  | NarrowNode
  | PartitionNode
  | UnionNode
  | RepartitionNode
  | FoldNode
  | CombineNode
  | CogroupNode
  | TransformNode
  | StatefulNode<StreamNode>;

/** A stream that comes from outside. */
export interface InputNode extends NodeHead {
  readonly tag: 'input';
  /** The name of the Kinesis stream, or of the local source. */
  readonly name: string;
  /** `blocks`: records of shards, in one partition for each block. `local`: what a source in this process gives at each tick. */
  readonly from: 'blocks' | 'local';
  /** Where a local input gets its items from. */
  readonly source?: LocalSource;
}

/** An operator that makes each partition from one partition of its parent, item by item. Runs of these are one pass. */
export interface NarrowNode extends NodeHead {
  readonly tag: 'narrow';
  readonly kind: NarrowKind;
  readonly parent: StreamNode;
  readonly f: ErasedFunction;
}

/** What a narrow operator does with the result of its function. */
export type NarrowKind =
  | 'map'
  | 'flatMap'
  | 'filter'
  | 'mapToPair'
  | 'flatMapToPair'
  | 'mapValues'
  | 'flatMapValues'
  | 'keyByPartitionKey';

/** An operator that makes each partition from one whole partition of its parent. */
export interface PartitionNode extends NodeHead {
  readonly tag: 'partition';
  /** `pairs`: what comes out is checked to be pairs. */
  readonly pairs: boolean;
  readonly parent: StreamNode;
  readonly f: (items: readonly unknown[], context: OperatorContext) => unknown;
}

/** The partitions of all its parents, in their order. */
export interface UnionNode extends NodeHead {
  readonly tag: 'union';
  readonly parents: readonly StreamNode[];
}

/** The same items in another number of partitions. */
export interface RepartitionNode extends NodeHead {
  readonly tag: 'repartition';
  readonly parent: StreamNode;
  readonly partitions: number;
}

/** One item for the whole batch: its number of items, or its items put together (none for an empty batch). */
export interface FoldNode extends NodeHead {
  readonly tag: 'fold';
  readonly parent: StreamNode;
  /** Absent: the items are counted. */
  readonly f: ErasedReducer | undefined;
  readonly partial: boolean;
}

/** One pair for each key of the batch. */
export interface CombineNode extends NodeHead {
  readonly tag: 'combine';
  readonly parent: StreamNode;
  /** What the first value of a key becomes; absent: it stays as it is. */
  readonly create: ErasedFunction | undefined;
  readonly merge: ErasedReducer;
  /** Given: each partition is combined by itself, and the results of the partitions are put together with this. */
  readonly mergeCombiners: ErasedReducer | undefined;
  /** Whether the program said that results per shard are enough, because whoever reads them merges them. */
  readonly partial: boolean;
}

/** For each key what all parents have of it at the same batch time: grouped, or joined to pairs of values. */
export interface CogroupNode extends NodeHead {
  readonly tag: 'cogroup';
  readonly kind: JoinKind;
  readonly parents: readonly StreamNode[];
}

/** How a key that one side lacks is treated; `cogroup` takes all keys and does not pair the values. */
export type JoinKind = 'cogroup' | 'inner' | 'left' | 'right' | 'full';

/** Whatever a function makes of the batches of its parents. */
export interface TransformNode extends NodeHead {
  readonly tag: 'transform';
  readonly parents: readonly StreamNode[];
  readonly pairs: boolean;
  readonly f: (batches: readonly Batch<unknown>[], context: TransformContext) => unknown;
  readonly partial: boolean;
}

/** A function from item to anything, its types erased. */
export type ErasedFunction = (item: unknown, context: OperatorContext) => unknown;

/** A function from two values to one, its types erased. */
export type ErasedReducer = (a: unknown, b: unknown) => unknown;

/** What a function of a transformation is told beside its batches. */
export interface TransformContext {
  /** The batch time, milliseconds since 1970. */
  readonly batchTimeMillis: number;
  /** Aborts when the batch is given up: the run ends at once, its lease is lost, or a function does not settle. */
  readonly signal: AbortSignal;
}

/** What a function of an operator is told beside its item. */
export interface OperatorContext extends TransformContext {
  /** The number of the partition in the batch, from 0. */
  readonly partition: number;
}

/** What makes a plan work: without an output nothing is computed. Outputs run in declaration order. */
export type OutputNode = ForeachBatchNode | PrintNode | SaveNode | SinkNode;

/** Hands the batch to a function of the program. */
export interface ForeachBatchNode extends NodeHead {
  readonly tag: 'foreachBatch';
  readonly parent: StreamNode;
  readonly f: (batch: Batch<unknown>, context: OutputContext) => unknown;
  /** What the program says of the function; absent: nothing. */
  readonly guarantee: SinkGuarantee | undefined;
  /** Whether a batch of the same id must always hold the same records. */
  readonly repeatable: boolean;
}

/** Gives each batch to a sink. */
export interface SinkNode extends NodeHead {
  readonly tag: 'sink';
  readonly parent: StreamNode;
  readonly sink: Sink<unknown>;
}

/** Writes the first items as text. */
export interface PrintNode extends NodeHead {
  readonly tag: 'print';
  readonly parent: StreamNode;
  readonly limit: number;
}

/** Writes each batch to a file of its own. */
export interface SaveNode extends NodeHead {
  readonly tag: 'save';
  readonly parent: StreamNode;
  readonly format: 'text' | 'json';
  /** Path and beginning of the name of the files. */
  readonly prefix: string;
  /** Ending of their names, without the dot. */
  readonly suffix: string | undefined;
}

/** What an output is told beside its batch. */
export interface OutputContext {
  /** The commit group: a shard in `shard` scope, `application` in `application` scope. */
  readonly group: string;
  /** The application, where batches are committed. */
  readonly application?: string;
  /** 1 for the first try of this output with this batch, then 2 and so on. */
  readonly attempt: number;
  /**
   * Under which holding the batch will be committed, where state is kept: a greater number is a later holder. A sink that
   * overwrites refuses what is below the greatest (fence, batch id) that it took (design section 8).
   */
  readonly fence?: Fence;
  /**
   * Earlier batches of the group that a rewind has taken back, by id: what they put out counts for nothing, and their records
   * come again in batches of other ids. Where the target is named by the batch id, take away what is there under these.
   * Told with every batch from the rewind on; absent where none is void.
   */
  readonly voided?: readonly BatchIds[];
  /** Aborts when the run ends at once, or when the lease of the batch's only shard is lost. */
  readonly signal: AbortSignal;
}

/** Where `print()` writes; `process.stdout` fits. */
export interface PrintTarget {
  write(text: string): unknown;
}

/** The nodes that a node reads from. */
export function parentsOf(node: StreamNode): readonly StreamNode[] {
  switch (node.tag) {
    case 'input':
      return [];
    case 'union':
    case 'cogroup':
    case 'transform':
    case 'stateful':
      return node.parents;
    default:
      return [node.parent];
  }
}
