import { spawn } from 'node:child_process';
import { MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { createConsumer } from '../../../lib/app/consumer.ts';
import type { ConsumerOptions } from '../../../lib/app/config/consumer-options.ts';
import { sleep, systemClock } from '../../../lib/base/clock.ts';
import type { KinesisApi } from '../../../lib/kinesis/kinesis-api.ts';
import { dieWithParent } from '../../support/child-server.ts';
import { programArguments } from '../../support/programs.ts';
import type { Scene } from './scene.ts';

/** One check: says in a few words what it has seen, or throws what is wrong. */
export interface Check {
  readonly name: string;
  run(scene: Scene): Promise<string>;
}

/** The checks, in their order: later ones go on with the applications and the shards of earlier ones. */
export const checks: readonly Check[] = [
  { name: 'codecs', run: checkCodecs },
  { name: 'polling', run: (scene) => checkReader(scene, 'POLLING') },
  { name: 'fan-out', run: (scene) => checkReader(scene, 'FAN_OUT') },
  { name: 'split', run: checkSplit },
  { name: 'merge', run: checkMerge },
  { name: 'takeover', run: checkTakeover },
];

/** How long records may take to come; on AWS a stream consumer alone takes some ten seconds to become ACTIVE. */
const readLimitMillis = 180_000;
const failoverTimeMillis = 5_000;
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** Both codecs and the SDK's own decoder read the same, field by field, from every shard. */
async function checkCodecs(scene: Scene): Promise<string> {
  await scene.put(200);
  const read = new Map<string, readonly string[]>();
  for (const codec of ['sdk', 'json', 'cbor'] as const) {
    const { api, fellBack, close } = scene.apiWith(codec);
    try {
      const records = await readAll(api, scene.count, scene.signal);
      if (fellBack()) throw new Error(`the answers were not decoded as ${codec}, but by the SDK`);
      read.set(codec, records);
    } finally {
      close();
    }
  }
  const expected = JSON.stringify(read.get('sdk'));
  for (const [codec, records] of read) {
    if (JSON.stringify(records) !== expected) throw new Error(`${codec} reads something else than the SDK's decoder`);
  }
  return `${read.get('sdk')?.length} records, the same by json, cbor and sdk`;
}

/** All fields of all records, in order, as text. */
async function readAll(
  api: KinesisApi,
  count: number,
  signal: AbortSignal,
  giveUpAt = systemClock.monotonicMillis() + readLimitMillis,
): Promise<string[]> {
  const { shards } = await api.listShards({}, signal);
  const all: string[] = [];
  for (const { shardId } of shards) {
    let iterator: string | undefined = await api.getShardIterator({ shardId, start: { type: 'TRIM_HORIZON' } }, signal);
    for (let isBehind = true; isBehind && iterator !== undefined;) {
      const answer = await api.getRecords({ iterator, limit: 10_000, shardId }, signal);
      for (const { data, partitionKey, sequenceNumber, arrivalTimeMillis } of answer.records) {
        const text = Buffer.from(data).toString('base64');
        all.push([shardId, sequenceNumber, partitionKey, arrivalTimeMillis, text].join(' '));
      }
      iterator = answer.nextIterator;
      isBehind = answer.millisBehindLatest > 0 || answer.records.length > 0;
      // Kinesis allows five reads a second for each shard.
      await sleep(systemClock, 250, signal);
    }
  }
  if (all.length >= count || systemClock.monotonicMillis() > giveUpAt) {
    if (all.length === count) return all;
    throw new Error(`${all.length} records were read, ${count} were put`);
  }
  return readAll(api, count, signal, giveUpAt);
}

/** A whole consumer reads everything, each number once. */
async function checkReader(scene: Scene, retrievalMode: 'POLLING' | 'FAN_OUT'): Promise<string> {
  await scene.put(100);
  const seen = await consume(scene, applicationOf(scene, retrievalMode), { retrievalMode });
  return `${seen} records, each once`;
}

/** After a split the application of the polling check reads on: the rest of the parent, then the children, nothing twice. */
async function checkSplit(scene: Scene): Promise<string> {
  const { clients, api, streamName, signal } = scene;
  const [parent] = (await api.listShards({ filter: { type: 'AT_LATEST' } }, signal)).shards;
  if (parent === undefined) throw new Error('the stream has no open shard');
  await scene.put(50);
  const middle = (BigInt(parent.startingHashKey) + BigInt(parent.endingHashKey)) / 2n;
  const split = { StreamName: streamName, ShardToSplit: parent.shardId, NewStartingHashKey: `${middle}` };
  await clients.kinesis.send(new SplitShardCommand(split), { abortSignal: signal });
  await scene.active();
  await scene.put(50);
  const seen = await consume(scene, applicationOf(scene, 'POLLING'), {});
  return `${parent.shardId} split, ${seen} records behind the checkpoints, each once`;
}

/** The same after two neighbours were merged. */
async function checkMerge(scene: Scene): Promise<string> {
  const { clients, api, streamName, signal } = scene;
  const { shards } = await api.listShards({ filter: { type: 'AT_LATEST' } }, signal);
  const sorted = shards.toSorted((a, b) => (BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1));
  const [left, right] = sorted;
  if (left === undefined || right === undefined) throw new Error('the stream has no two open shards');
  await scene.put(50);
  const merge = { StreamName: streamName, ShardToMerge: left.shardId, AdjacentShardToMerge: right.shardId };
  await clients.kinesis.send(new MergeShardsCommand(merge), { abortSignal: signal });
  await scene.active();
  await scene.put(50);
  const seen = await consume(scene, applicationOf(scene, 'POLLING'), {});
  return `${left.shardId} and ${right.shardId} merged, ${seen} records behind the checkpoints, each once`;
}

/** A worker process is killed with leases in its hands; another worker reads what it has left, and misses nothing. */
async function checkTakeover(scene: Scene): Promise<string> {
  const options = consumerOptions(scene, applicationOf(scene, 'TAKEOVER'), {});
  const first = startWorker(scene, options);
  const numbers = new Set<number>();
  try {
    await first.until((seen) => seen.size >= scene.count);
    await scene.put(100);
    await first.until((seen) => seen.size > scene.count - 100);
  } finally {
    await first.kill();
  }
  for (const number of first.seen) numbers.add(number);
  const killedAt = systemClock.monotonicMillis();
  await scene.put(100);
  let takenOverMillis = 0;
  const second = createConsumer(options);
  await runUntil(scene, second, (batch) => {
    takenOverMillis ||= systemClock.monotonicMillis() - killedAt;
    for (const number of batch) numbers.add(number);
    return numbers.size === scene.count;
  });
  return `${numbers.size} records, none missing; the next worker read ${Math.round(takenOverMillis)} ms after the kill`;
}

function startWorker(scene: Scene, options: ConsumerOptions) {
  const { logger: _, ...plain } = options;
  const worker = programArguments(new URL('./worker.ts', import.meta.url));
  const args = ['--import', dieWithParent, ...worker, JSON.stringify(plain)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const seen = new Set<number>();
  let rest = '';
  let words = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) seen.add(Number(line));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-2_000)));
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    seen,
    async until(condition: (seen: ReadonlySet<number>) => boolean): Promise<void> {
      const giveUpAt = systemClock.monotonicMillis() + readLimitMillis;
      while (!condition(seen)) {
        if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}: ${words}`);
        if (systemClock.monotonicMillis() > giveUpAt) throw new Error(`the worker has read ${seen.size}: ${words}`);
        await sleep(systemClock, 100, scene.signal);
      }
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Runs a consumer of the application until all numbers have come that it has not finished; each once, and no other. */
async function consume(scene: Scene, application: string, more: Partial<ConsumerOptions>): Promise<number> {
  const from = scene.finished.get(application) ?? 0;
  const seen = new Map<number, number>();
  const consumer = createConsumer(consumerOptions(scene, application, more));
  await runUntil(scene, consumer, (numbers) => {
    for (const number of numbers) seen.set(number, (seen.get(number) ?? 0) + 1);
    return seen.size >= scene.count - from;
  });
  const repeated = [...seen].filter(([, times]) => times > 1);
  const strange = [...seen.keys()].filter((number) => number < from || number >= scene.count);
  if (repeated.length > 0) throw new Error(`${repeated.length} records came more than once`);
  if (strange.length > 0) throw new Error(`${strange.length} records came that were finished before, or never put`);
  scene.finished.set(application, scene.count);
  return seen.size;
}

async function runUntil(
  scene: Scene,
  consumer: ReturnType<typeof createConsumer>,
  add: (numbers: readonly number[]) => boolean,
): Promise<void> {
  let isComplete = false;
  const limit = AbortSignal.timeout(readLimitMillis);
  await consumer.run(
    async ({ records }) => {
      if (!add(records.map((record) => Number(record.text())))) return;
      isComplete = true;
      consumer.drain().catch(() => {});
    },
    { signal: AbortSignal.any([scene.signal, limit]) },
  );
  if (!isComplete) throw new Error('the run ended before all records had come');
}

function applicationOf(scene: Scene, name: string): string {
  return `${scene.streamName}-${name.toLowerCase().replace('_', '-')}`;
}

function consumerOptions(scene: Scene, applicationName: string, more: Partial<ConsumerOptions>): ConsumerOptions {
  const { region, kinesisEndpoint, dynamoDBEndpoint } = scene.options;
  return {
    applicationName,
    streamName: scene.streamName,
    region,
    kinesisEndpoint,
    dynamoDBEndpoint,
    failoverTimeMillis,
    logger: quiet,
    ...(more.retrievalMode === 'FAN_OUT' ? { deregisterConsumer: true } : {}),
    ...more,
  };
}
