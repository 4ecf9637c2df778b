import { StateSpec } from '../../lib/engine/state/state-spec.ts';
import type { KinesisRecord } from '../../lib/block/record.ts';
import type { Block } from '../../lib/block/block.ts';
import type { DStream } from '../../lib/engine/stream.ts';
import { type Worker, batchIntervalMillis, engineWorker } from './drive.ts';

/** One thing that is measured: the engine, and a loop by hand that does the same over the same buffers. */
export interface BenchItem {
  readonly name: string;
  readonly engine: () => Worker;
  readonly byHand: () => Worker;
}

/** Batches in a window. */
const windowBatches = 10;

const windowMillis = windowBatches * batchIntervalMillis;

const plus = (a: number, b: number) => a + b;
const minus = (a: number, b: number) => a - b;

const wordsOf = (lines: DStream<KinesisRecord>) =>
  lines.flatMap((record) => record.text().split(' ')).mapToPair((word) => [word, 1]);

/** Tells apart results that differ in any count: the order of keys does not matter. */
function sumOf(counts: Iterable<readonly [string, number]>): number {
  let sum = 0;
  for (const [word, count] of counts) sum = (sum + count * (word.length * 31 + word.charCodeAt(word.length - 1))) % 1e9;
  return sum;
}

function countByHand(blocks: readonly Block[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const block of blocks) {
    for (const record of block.records) {
      for (const word of record.text().split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

function addTo(sums: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [word, count] of counts) sums.set(word, (sums.get(word) ?? 0) + count);
}

/** What a window holds, batch by batch. */
function windowByHand(merge: (window: readonly ReadonlyMap<string, number>[]) => Map<string, number>): Worker {
  const window: Map<string, number>[] = [];
  return (blocks) => {
    window.push(countByHand(blocks));
    if (window.length > windowBatches) window.shift();
    return sumOf(merge(window));
  };
}

/** The items in the order in which they are measured. */
export const engineItems: readonly BenchItem[] = [
  {
    name: 'empty-batch',
    engine: () =>
      engineWorker((lines, result) =>
        wordsOf(lines)
          .reduceByKey(plus)
          .foreachBatch((b) => result(b.count())),
      ),
    byHand: () => (blocks) => countByHand(blocks).size,
  },
  {
    name: 'word-count',
    engine: () =>
      engineWorker((lines, result) =>
        wordsOf(lines)
          .reduceByKey(plus)
          .foreachBatch((batch) => result(sumOf(batch.collect()))),
      ),
    byHand: () => (blocks) => sumOf(countByHand(blocks)),
  },
  {
    name: 'window',
    engine: () =>
      engineWorker((lines, result) =>
        wordsOf(lines)
          .reduceByKeyAndWindow(plus, windowMillis, batchIntervalMillis)
          .foreachBatch((batch) => result(sumOf(batch.collect()))),
      ),
    byHand: () =>
      windowByHand((window) => {
        const sums = new Map<string, number>();
        for (const counts of window) addTo(sums, counts);
        return sums;
      }),
  },
  {
    name: 'window-inverse',
    engine: () =>
      engineWorker((lines, result) =>
        wordsOf(lines)
          .reduceByKeyAndWindow(plus, minus, windowMillis, batchIntervalMillis)
          .foreachBatch((batch) => result(sumOf(batch.collect()))),
      ),
    byHand: () => {
      const window: Map<string, number>[] = [];
      const sums = new Map<string, number>();
      return (blocks) => {
        const counts = countByHand(blocks);
        window.push(counts);
        addTo(sums, counts);
        for (const [word, count] of (window.length > windowBatches && window.shift()) || []) {
          const left = (sums.get(word) ?? 0) - count;
          if (left === 0) sums.delete(word);
          else sums.set(word, left);
        }
        return sumOf(sums);
      };
    },
  },
  {
    name: 'update-state',
    engine: () =>
      engineWorker((lines, result) =>
        wordsOf(lines)
          .updateStateByKey<number>('counts', (values, sum = 0) => values.reduce(plus, sum))
          .foreachBatch((batch) => result(sumOf(batch.collect()))),
      ),
    byHand: () => {
      const sums = new Map<string, number>();
      return (blocks) => {
        addTo(sums, countByHand(blocks));
        return sumOf(sums);
      };
    },
  },
  {
    name: 'map-with-state',
    engine: () =>
      engineWorker((lines, result) =>
        wordsOf(lines)
          .mapWithState('counts', runningCount)
          .foreachBatch((batch) => result(sumOf(batch.collect()))),
      ),
    byHand: () => {
      const sums = new Map<string, number>();
      return (blocks) => {
        const out: [string, number][] = [];
        for (const block of blocks) {
          for (const record of block.records) {
            for (const word of record.text().split(' ')) {
              const sum = (sums.get(word) ?? 0) + 1;
              sums.set(word, sum);
              out.push([word, sum]);
            }
          }
        }
        return sumOf(out);
      };
    },
  },
  {
    name: 'join',
    engine: () =>
      engineWorker((lines, result) => {
        const counts = wordsOf(lines).reduceByKey(plus);
        const lengths = lines.flatMap((record) => record.text().split(' ')).mapToPair((word) => [word, word.length]);
        counts
          .join(lengths.reduceByKey((a) => a))
          .foreachBatch((batch) =>
            result(sumOf(batch.collect().map(([word, [count, length]]) => [word, count * length]))),
          );
      }),
    byHand: () => (blocks) => {
      const counts = countByHand(blocks);
      const lengths = new Map<string, number>();
      for (const block of blocks) {
        for (const record of block.records) {
          for (const word of record.text().split(' ')) if (!lengths.has(word)) lengths.set(word, word.length);
        }
      }
      const joined: [string, number][] = [];
      for (const [word, count] of counts) joined.push([word, count * (lengths.get(word) ?? 0)]);
      return sumOf(joined);
    },
  },
];

/** Gives the count of a word after each of its occurrences. */
export const runningCount = StateSpec.function<string, number, number, readonly [string, number]>(
  (word, one, state) => {
    const sum = (state.getOption() ?? 0) + (one ?? 0);
    state.update(sum);
    return [word, sum];
  },
);
