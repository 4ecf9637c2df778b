import type { Block } from '../../lib/block/block.ts';
import { type Worker, engineWorker } from './drive.ts';
import { type BenchItem, engineItems, runningCount } from './items.ts';
import { type BatchShape, wordBatches } from './words.ts';

/** What is measured, and how long. */
export interface EngineBenchOptions extends BatchShape {
  /** Rounds that count, each a batch of the engine and one by hand. */
  readonly rounds: number;
  /** Names of items; empty for all. */
  readonly only: readonly string[];
  /** The keys of the smaller and of the larger state; their ratio is the point. */
  readonly stateKeys: readonly [number, number];
}

/** What one item took. */
export interface ItemFigures {
  readonly name: string;
  /** A batch of the engine, by the clock. */
  readonly medianMillis: number;
  readonly slowestMillis: number;
  readonly recordsPerSecond: number;
  /** Throughput of the engine over that of the loop by hand, by CPU time; the median of the rounds. */
  readonly ratioOverHandWritten: number;
  readonly checksum: number;
}

/** The figures of all items. */
export interface EngineFigures {
  readonly records: number;
  readonly wordsPerRecord: number;
  readonly keys: number;
  readonly rounds: number;
  readonly items: readonly ItemFigures[];
  /** What a batch of 1,000 keys costs on the larger state over what it costs on the smaller. */
  readonly stateCostRatio: number;
}

/** Ten thousand lines of ten words, a thousand different ones. */
export const defaultEngineBench: EngineBenchOptions = {
  records: 10_000,
  wordsPerRecord: 10,
  keys: 1_000,
  rounds: 15,
  only: [],
  stateKeys: [10_000, 1_000_000],
};

/** Different batches; they are used in turn, so that no cache knows what comes. */
const differentBatches = 12;

/** Batches before those that count: the compiler settles and the windows are filled. */
const warmUpBatches = 12;

/** Keys of the batches that are put on a large state. */
const touchedKeys = 1_000;

/** Measures the items one after the other, each in turn with its loop by hand, and compares what they came to. */
export async function measureEngine(options: EngineBenchOptions, say: (line: string) => void): Promise<EngineFigures> {
  const { records, wordsPerRecord, keys, rounds, only } = options;
  const batches = wordBatches(options, differentBatches);
  const chosen = engineItems.filter((item) => only.length === 0 || only.includes(item.name));
  const items: ItemFigures[] = [];
  for (const item of chosen) {
    say(`measuring ${item.name}`);
    const isEmpty = item.name === 'empty-batch';
    items.push(await measureItem(item, isEmpty ? [[]] : batches, isEmpty ? rounds * 100 : rounds));
  }
  say('measuring what a large state costs');
  const stateCostRatio = await measureStateCost(options);
  return { records, wordsPerRecord, keys, rounds, items, stateCostRatio };
}

async function measureItem(item: BenchItem, batches: readonly Block[][], rounds: number): Promise<ItemFigures> {
  const engine = item.engine();
  const byHand = item.byHand();
  const walls: number[] = [];
  const ratios: number[] = [];
  let checksum = 0;
  for (let round = -warmUpBatches; round < rounds; round += 1) {
    const blocks = batches[(round + warmUpBatches) % batches.length] ?? [];
    // In turn, so that neither always runs on the other's garbage.
    const handFirst = round % 2 === 0 ? await timed(byHand, blocks) : undefined;
    const ours = await timed(engine, blocks);
    const hand = handFirst ?? (await timed(byHand, blocks));
    if (ours.result !== hand.result) {
      throw new Error(`${item.name}: the engine came to ${ours.result}, the loop by hand to ${hand.result}`);
    }
    if (round < 0) continue;
    checksum = (checksum + ours.result) % 1e9;
    walls.push(ours.wallMillis);
    ratios.push(hand.cpuMillis / Math.max(ours.cpuMillis, 0.001));
  }
  const records = batches[0]?.reduce((sum, block) => sum + block.records.length, 0) ?? 0;
  const medianMillis = median(walls);
  return {
    name: item.name,
    medianMillis: rounded(medianMillis),
    slowestMillis: rounded(Math.max(...walls)),
    recordsPerSecond: Math.round((records * 1_000) / medianMillis),
    ratioOverHandWritten: rounded(median(ratios)),
    checksum,
  };
}

async function measureStateCost({ stateKeys, rounds }: EngineBenchOptions): Promise<number> {
  const medians: number[] = [];
  for (const keys of stateKeys) {
    const worker = engineWorker((lines, result) =>
      lines
        .flatMap((record) => record.text().split(' '))
        .mapToPair((word) => [word, 1])
        .mapWithState('counts', runningCount.initialState(firstWords(keys)))
        .foreachBatch((batch) => result(batch.count())),
    );
    // A thousand keys spread over the whole state: every word once.
    const batches = wordBatches({ records: touchedKeys, wordsPerRecord: 1, keys }, differentBatches);
    await worker([]);
    const cpu: number[] = [];
    for (let round = -warmUpBatches; round < rounds * 3; round += 1) {
      const done = await timed(worker, batches[(round + warmUpBatches) % batches.length] ?? []);
      if (round >= 0) cpu.push(done.wallMillis);
    }
    medians.push(median(cpu));
  }
  const [small = 1, large = 1] = medians;
  return rounded(large / small);
}

function* firstWords(keys: number): Generator<readonly [string, number]> {
  for (let key = 0; key < keys; key += 1) yield [`word-${key}`, 1];
}

interface Timed {
  readonly result: number;
  readonly wallMillis: number;
  readonly cpuMillis: number;
}

async function timed(worker: Worker, blocks: readonly Block[]): Promise<Timed> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  const result = await worker(blocks);
  const wallMillis = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  return { result, wallMillis, cpuMillis: (user + system) / 1_000 };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
