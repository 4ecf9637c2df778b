import { Batch, type BatchHead, partitionsOf } from './batch.ts';
import type { Partitions } from './given.ts';
import { checkPair } from './key.ts';
import { isIterable } from './narrow.ts';
import type { PartitionNode, TransformNode } from './node.ts';
import { type NodeHead, nameOf } from './node-head.ts';
import { wrongShape } from './operator-fault.ts';

/** The batches that a transformation is given. */
export function batchesFor(head: BatchHead, given: readonly Partitions[]): Batch<unknown>[] {
  return given.map((partitions) => new Batch({ ...head, partitions }));
}

/**
 * What the function of a transformation returned, as partitions: a batch as it is, an array as one partition.
 * @throws MillraceError `MR_HANDLER_FAILED` for anything else (Spark refuses `null`, too); `MR_KEY_INVALID`
 */
export function transformed(node: TransformNode, returned: unknown): Partitions {
  const partitions = returned instanceof Batch ? partitionsOf<unknown>(returned) : undefined;
  if (partitions !== undefined) return node.pairs ? partitions.map((items) => checkedPairs(node, items)) : partitions;
  if (!Array.isArray(returned)) throw wrongShape(node, returned, 'a batch or an array');
  return [node.pairs ? checkedPairs(node, returned) : [...(returned as unknown[])]];
}

/**
 * What the function of a partition returned, as a partition.
 * @throws MillraceError `MR_HANDLER_FAILED` for what is not iterable; `MR_KEY_INVALID`
 */
export function partitionFrom(node: PartitionNode, returned: unknown): readonly unknown[] {
  if (!isIterable(returned)) throw wrongShape(node, returned, 'an iterable, for example an array,');
  return node.pairs ? checkedPairs(node, returned) : [...returned];
}

function checkedPairs(node: NodeHead, items: Iterable<unknown>): readonly unknown[] {
  const name = nameOf(node);
  return Array.from(items, (item) => checkPair(item, name));
}
