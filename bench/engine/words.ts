import { seededRandom } from '../../lib/base/random.ts';
import { TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import { KinesisRecord } from '../../lib/block/record.ts';

/** How much a batch holds. */
export interface BatchShape {
  readonly records: number;
  readonly wordsPerRecord: number;
  /** Different words. */
  readonly keys: number;
}

/** Blocks of a batch. */
const blocksOfBatch = 10;

const encoder = new TextEncoder();

/** Batches of lines of words, the same for the same shape and seed, each in blocks as a receiver gives them. */
export function wordBatches(shape: BatchShape, batches: number, seed = 1): Block[][] {
  const random = seededRandom(seed);
  const wordAt = () => `word-${Math.floor(random.next() * shape.keys)}`;
  let number = 0;
  return Array.from({ length: batches }, () =>
    Array.from({ length: blocksOfBatch }, (_, block) => {
      const count = Math.floor(shape.records / blocksOfBatch);
      const lines = Array.from({ length: count }, () => Array.from({ length: shape.wordsPerRecord }, wordAt).join(' '));
      number += count;
      return blockOf(lines, block, number);
    }),
  );
}

function blockOf(lines: readonly string[], place: number, number: number): Block {
  const shardId = `shardId-${String(place).padStart(12, '0')}`;
  const records = lines.map(
    (line, index) =>
      new KinesisRecord({
        data: encoder.encode(line),
        partitionKey: String(index),
        sequenceNumber: String(number + index),
        subSequenceNumber: 0,
        shardId,
        streamName: 'lines',
        arrivalTimeMillis: 0,
      }),
  );
  return {
    id: `${shardId}@1/${number}`,
    streamName: 'lines',
    shardId,
    tenure: 1,
    range: { shardId, tenure: 1, after: TRIM_HORIZON, through: positionOf(BigInt(number)) },
    records,
    bytes: records.reduce((sum, record) => sum + record.data.length, 0),
    sealedAtMillis: 0,
    millisBehindLatest: 0,
    signal: new AbortController().signal,
  };
}
