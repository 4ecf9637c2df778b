import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Block } from '../../lib/block/block.ts';
import { runBatch } from '../../lib/engine/batch-run.ts';
import type { CommitLine } from '../../lib/engine/commit/commit-line.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import { emptyMemory } from '../../lib/engine/memory.ts';
import type { Plan } from '../../lib/engine/plan.ts';
import { memoryState } from '../../lib/engine/state-store.ts';
import type { ObjectStore } from '../../lib/engine/store/object-store.ts';
import { batchFields } from '../engine/drive.ts';
import { wordBatches } from '../engine/words.ts';
import { medianOf, rounded } from '../statistics.ts';
import { type Writes, commitsOf, countingStore, placeOf } from './commits.ts';
import { countShardWrites } from './shard-commits.ts';

/** What is measured, and how long. */
export interface ExactlyOnceBenchOptions {
  readonly records: number;
  readonly wordsPerRecord: number;
  /** Different words of the word count. */
  readonly words: number;
  /** Rounds that count, each a batch that is committed and one that is not. */
  readonly rounds: number;
  /** Keys of the state that is recovered. */
  readonly keys: number;
}

/** The figures of `npm run bench -- exactly-once`. */
export interface ExactlyOnceFigures {
  /** Throughput of a word count whose batches are committed over that of one whose batches are acknowledged, by CPU time. */
  readonly ratioOverAtLeastOnce: number;
  /** The same by the clock, with all waiting for the disk. */
  readonly ratioByClock: number;
  /** How long it takes to read back the last commit. */
  readonly recoveryMillis: number;
  /** Keys of the state that was read back. */
  readonly keys: number;
  readonly dynamoWritesPerCommit: OfScopes;
  readonly stateWritesPerCommit: OfScopes;
  /** With a sink that needs batches to be planned. */
  readonly dynamoWritesPerPlannedCommit: OfScopes;
  readonly stateWritesPerPlannedCommit: OfScopes;
}

/** A figure of each scope. In `shard` scope the heartbeats of the lease are in it. */
export interface OfScopes {
  readonly application: number;
  readonly shard: number;
}

/** Ten thousand lines of ten words, a thousand different ones; a state of a million keys. */
export const defaultExactlyOnceBench: ExactlyOnceBenchOptions = {
  records: 10_000,
  wordsPerRecord: 10,
  words: 1_000,
  rounds: 31,
  keys: 1_000_000,
};

const batchIntervalMillis = 1_000;
const differentBatches = 8;
/** Batches before those that count. */
const warmUpBatches = 11;
/** Commits that are counted; more than lie between two snapshots. */
const countedCommits = 25;

/** Measures; everything is written to a folder that is removed. */
export async function measureExactlyOnce(
  options: ExactlyOnceBenchOptions,
  say: (line: string) => void,
): Promise<ExactlyOnceFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  try {
    say('measuring a word count, committed and not');
    const ratios = await measureRatio(options, join(folder, 'ratio'));
    say('counting what a commit writes');
    const plain = await countWrites(join(folder, 'plain'), false);
    const planned = await countWrites(join(folder, 'planned'), true);
    const ofShard = await countShardWrites(false, countedCommits);
    const plannedOfShard = await countShardWrites(true, countedCommits);
    say(`measuring the recovery of ${options.keys} keys`);
    const recoveryMillis = await measureRecovery(options.keys, join(folder, 'recovery'));
    return {
      ...ratios,
      recoveryMillis,
      keys: options.keys,
      dynamoWritesPerCommit: { application: plain.dynamo, shard: ofShard.dynamo },
      stateWritesPerCommit: { application: plain.state, shard: ofShard.state },
      dynamoWritesPerPlannedCommit: { application: planned.dynamo, shard: plannedOfShard.dynamo },
      stateWritesPerPlannedCommit: { application: planned.state, shard: plannedOfShard.state },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Worker = (blocks: readonly Block[]) => Promise<number>;

/** A word count: running counts of all words, whose sum tells whether the result is right. */
function wordCount(store: ObjectStore, isPlanned = false): { readonly plan: Plan; readonly sum: () => number } {
  const context = new EngineContext({ batchIntervalMillis, state: store });
  let sum = 0;
  context
    .addInput('lines')
    .flatMap((record) => record.text().split(' '))
    .mapToPair((word) => [word, 1])
    .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
    .foreachBatch(
      (batch) => {
        sum = 0;
        for (const [word, count] of batch.collect())
          sum = (sum + count * (word.length * 31 + word.charCodeAt(5))) % 1e9;
      },
      { repeatable: isPlanned, guarantee: 'idempotent' },
    );
  return { plan: context.seal(), sum: () => sum };
}

/** Runs batches as production does, without the ticks; they are committed where there is a line for it. */
function workerOf({ plan, sum }: ReturnType<typeof wordCount>, commits: CommitLine | undefined): Worker {
  const fields = batchFields(plan);
  const { signal } = new AbortController();
  let memory = commits?.memory ?? emptyMemory;
  let batchId = 0;
  return async (blocks) => {
    batchId += 1;
    const batchTimeMillis = batchId * batchIntervalMillis;
    const order = { group: 'application', batchId, batchTimeMillis, blocks, zeroTimeMillis: 0, memory, commits };
    const outcome = await runBatch(fields, order, signal);
    if (outcome.tag !== 'completed') throw new Error(`batch ${batchId} was ${outcome.tag}`);
    memory = outcome.memory;
    return sum();
  };
}

async function measureRatio(
  { records, wordsPerRecord, words, rounds }: ExactlyOnceBenchOptions,
  folder: string,
): Promise<Pick<ExactlyOnceFigures, 'ratioOverAtLeastOnce' | 'ratioByClock'>> {
  const batches = wordBatches({ records, wordsPerRecord, keys: words }, differentBatches);
  const once = wordCount(memoryState());
  const writes: Writes = { dynamo: 0, state: 0 };
  const { line } = await commitsOf(once.plan, countingStore(folder, writes), writes);
  const committed = workerOf(once, line);
  const acknowledged = workerOf(wordCount(memoryState()), undefined);
  const [cpu, clock]: [number[], number[]] = [[], []];
  for (let round = -warmUpBatches; round < rounds; round += 1) {
    const blocks = batches[(round + warmUpBatches) % batches.length] ?? [];
    // In turn, so that neither always runs on the other's garbage.
    const first = round % 2 === 0 ? await timed(acknowledged, blocks) : undefined;
    const ours = await timed(committed, blocks);
    const other = first ?? (await timed(acknowledged, blocks));
    if (ours.result !== other.result) throw new Error(`committed ${ours.result}, acknowledged ${other.result}`);
    if (round < 0) continue;
    cpu.push(other.cpuMillis / Math.max(ours.cpuMillis, 0.001));
    clock.push(other.wallMillis / Math.max(ours.wallMillis, 0.001));
  }
  await line.settled();
  return { ratioOverAtLeastOnce: rounded(medianOf(cpu), 2), ratioByClock: rounded(medianOf(clock), 2) };
}

async function countWrites(folder: string, isPlanned: boolean): Promise<Writes> {
  const count = wordCount(memoryState(), isPlanned);
  const writes: Writes = { dynamo: 0, state: 0 };
  const { line } = await commitsOf(count.plan, countingStore(folder, writes), writes);
  const worker = workerOf(count, line);
  const batches = wordBatches({ records: 100, wordsPerRecord: 2, keys: 50 }, differentBatches);
  // The first plan of a group writes down what it begins with, too.
  await worker(batches[0] ?? []);
  Object.assign(writes, { dynamo: 0, state: 0 });
  for (let commit = 1; commit <= countedCommits; commit += 1) await worker(batches[commit % batches.length] ?? []);
  await line.settled();
  return { dynamo: writes.dynamo / countedCommits, state: writes.state / countedCommits };
}

/** Writes a state of so many keys, with a few batches of changes on top, and reads it back as another process would. */
async function measureRecovery(keys: number, folder: string): Promise<number> {
  const context = new EngineContext({ batchIntervalMillis, state: memoryState() });
  context
    .addInput('lines')
    .flatMap((record) => record.text().split(' '))
    .mapToPair((word) => [word, 1])
    .updateStateByKey<number>('counts', (values, count = 0) => count + values.length, { initialState: wordsUpTo(keys) })
    .foreachBatch(() => {});
  const plan = context.seal();
  const writes: Writes = { dynamo: 0, state: 0 };
  const store = countingStore(folder, writes);
  const { line, epoch } = await commitsOf(plan, store, writes);
  const worker = workerOf({ plan, sum: () => 0 }, line);
  for (const blocks of wordBatches({ records: 1_000, wordsPerRecord: 1, keys }, 3)) await worker(blocks);
  await line.settled();
  const place = placeOf(plan, countingStore(folder, writes));
  const { signal } = new AbortController();
  globalThis.gc?.();
  const sinceMillis = performance.now();
  const log = await place.logOf('application', epoch.pointer, 'the row', signal);
  const recoveryMillis = Math.round(performance.now() - sinceMillis);
  const [state] = [...log.memory.values()] as { readonly entries: { readonly size: number } }[];
  if (state?.entries.size !== keys) throw new Error(`${state?.entries.size} keys came back of ${keys}`);
  return recoveryMillis;
}

function* wordsUpTo(keys: number): Generator<readonly [string, number]> {
  for (let key = 0; key < keys; key += 1) yield [`word-${key}`, 1];
}

async function timed(worker: Worker, blocks: readonly Block[]) {
  const cpu = process.cpuUsage();
  const from = performance.now();
  const result = await worker(blocks);
  const wallMillis = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  return { result, wallMillis, cpuMillis: (user + system) / 1_000 };
}
