import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { MillraceError } from '../base/error.ts';
import type { Partitions } from './given.ts';
import type { SaveNode } from './node.ts';
import { nameOf } from './node-head.ts';

/** How many characters are written at once. */
const charactersAtOnce = 1 << 20;

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
  const file = fileOfBatch(node, target);
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  const unfinished = path.join(folder, `.${path.basename(file)}.${process.pid}.unfinished`);
  try {
    const handle = await open(unfinished, 'w');
    try {
      for (const text of textOf(node, partitions)) {
        signal.throwIfAborted();
        await handle.write(text);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    signal.throwIfAborted();
    await rename(unfinished, file);
  } catch (thrown) {
    await rm(unfinished, { force: true });
    throw thrown;
  }
}

function* textOf(node: SaveNode, partitions: Partitions): Generator<string> {
  let text = '';
  for (const items of partitions) {
    for (const item of items) {
      text += `${lineOf(node, item)}\n`;
      if (text.length < charactersAtOnce) continue;
      yield text;
      text = '';
    }
  }
  if (text !== '') yield text;
}

function lineOf(node: SaveNode, item: unknown): string {
  if (node.format === 'text') return String(item);
  const line: unknown = JSON.stringify(item, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  if (typeof line === 'string') return line;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${nameOf(node)} was given ${typeof item}, which JSON does not have: map the stream to what it has first`,
  );
}
