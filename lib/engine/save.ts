import type { Partitions } from './given.ts';
import type { SaveNode } from './node.ts';
import { jsonLine } from './json-line.ts';
import { nameOf } from './node-head.ts';
import { writeWholeFile } from './whole-file.ts';

/** Which file a batch goes to. */
export interface SaveTarget {
  readonly batchTimeMillis: number;
  /** The commit group; part of the name where it is one shard's. */
  readonly group: string | undefined;
}

/**
 * The file of a batch: `<prefix>-<batch time in ms>[-<shard>][.<suffix>]`, Spark's name with the shard where each shard
 * has batches of its own.
 */
export function fileOfBatch(node: Pick<SaveNode, 'prefix' | 'suffix'>, target: SaveTarget): string {
  const group = target.group === undefined ? '' : `-${target.group.replaceAll(/[^\w.-]/g, '_')}`;
  const suffix = node.suffix === undefined ? '' : `.${node.suffix}`;
  return `${node.prefix}-${target.batchTimeMillis}${group}${suffix}`;
}

/**
 * Writes a batch to its file, an item a line. The file appears whole or not at all: it is written under another name,
 * flushed to the disk and renamed, and a try of the same batch puts the same file in its place.
 */
export async function saveBatch(
  node: SaveNode,
  partitions: Partitions,
  target: SaveTarget,
  signal: AbortSignal,
): Promise<void> {
  await writeWholeFile(fileOfBatch(node, target), linesOf(node, partitions), signal);
}

function* linesOf(node: SaveNode, partitions: Partitions): Generator<string> {
  for (const items of partitions) for (const item of items) yield lineOf(node, item);
}

function lineOf(node: SaveNode, item: unknown): string {
  return node.format === 'text' ? String(item) : jsonLine(item, nameOf(node));
}
