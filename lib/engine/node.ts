import type { Batch } from './batch.ts';

/**
 * The graph of streams as data. A node says what is to be done, `evaluate.ts` does it; so plans can be compared,
 * printed and extended without touching the streams that built them. User functions are kept with their types
 * erased: the builder checked them, and the evaluation only hands items from one to the next.
 */
export type StreamNode = InputNode | NarrowNode | UnionNode | CountNode | ReduceByKeyNode;

/** What every node tells: its number in declaration order, and who made it where. */
export interface NodeHead {
  readonly id: number;
  /** The name of the method that made the node. */
  readonly operator: string;
  /** The line of the program that called it, `counts.ts:12`. */
  readonly site: string;
}

/** A stream that comes from outside: records, in one partition for each block. */
export interface InputNode extends NodeHead {
  readonly tag: 'input';
  /** The name of the Kinesis stream. */
  readonly name: string;
}

/** An operator that makes each partition from one partition of its parent. Runs of these are one pass per partition. */
export interface NarrowNode extends NodeHead {
  readonly tag: 'narrow';
  readonly kind: 'map' | 'flatMap' | 'filter' | 'mapToPair' | 'mapValues';
  readonly parent: StreamNode;
  readonly f: ErasedFunction;
}

/** The partitions of all its parents, in their order. */
export interface UnionNode extends NodeHead {
  readonly tag: 'union';
  readonly parents: readonly StreamNode[];
}

/** One number for the whole batch. */
export interface CountNode extends NodeHead {
  readonly tag: 'count';
  readonly parent: StreamNode;
}

/** One pair for each key of the batch. */
export interface ReduceByKeyNode extends NodeHead {
  readonly tag: 'reduceByKey';
  readonly parent: StreamNode;
  readonly f: ErasedReducer;
  /** Whether the program said that results per shard are enough, because whoever reads them merges them. */
  readonly partial: boolean;
}

/** A function from item to anything, its types erased. */
export type ErasedFunction = (item: unknown) => unknown;

/** A function from two values to one, its types erased. */
export type ErasedReducer = (a: unknown, b: unknown) => unknown;

/** What makes a plan work: without an output nothing is computed. Outputs run in declaration order. */
export type OutputNode = ForeachBatchNode | PrintNode;

/** Hands the batch to a function of the program. */
export interface ForeachBatchNode extends NodeHead {
  readonly tag: 'foreachBatch';
  readonly parent: StreamNode;
  readonly f: (batch: Batch<unknown>, context: OutputContext) => unknown;
}

/** Writes the first items as text. */
export interface PrintNode extends NodeHead {
  readonly tag: 'print';
  readonly parent: StreamNode;
  readonly limit: number;
}

/** What an output is told beside its batch. */
export interface OutputContext {
  /** The commit group: a shard in `shard` scope, `application` in `application` scope. */
  readonly group: string;
  /** 1 for the first try of this output with this batch, then 2 and so on. */
  readonly attempt: number;
  /** Aborts when the run ends at once, or when the lease of the batch's only shard is lost. */
  readonly signal: AbortSignal;
}

/** Where `print()` writes; `process.stdout` fits. */
export interface PrintTarget {
  write(text: string): unknown;
}

/** The node's name in messages: `map at counts.ts:12`. */
export function nameOf(node: NodeHead): string {
  return `${node.operator} at ${node.site}`;
}

/** The nodes that a node reads from. */
export function parentsOf(node: StreamNode): readonly StreamNode[] {
  switch (node.tag) {
    case 'input':
      return [];
    case 'union':
      return node.parents;
    default:
      return [node.parent];
  }
}
