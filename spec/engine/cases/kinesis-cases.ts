import { StreamingContext } from '../../../lib/app/streaming-context.ts';
import { positionOf } from '../../../lib/base/position.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import { Batch } from '../../../lib/engine/batch.ts';
import { History } from '../../../lib/engine/history.ts';
import { BlockBuilder } from '../../../lib/receiver/block-builder.ts';
import { type LocalFakeAws, startFakeAws } from '../../../lib/testkit/server/start.ts';
import { createTestStream, testCredentials, testRegion } from '../../support/local-stack.ts';
import { startRig } from '../harness.ts';
import type { CaseRow, CaseTable } from './case-file.ts';

/** Rows about records of Kinesis: read over the wire of a fake, cut into blocks, counted by stream. */
export const kinesisCases: CaseTable = {
  S210: { run: inputInfo },
  S211: { run: cleanup, given: ['cleanup'] },
  S296: { run: (row) => live(row, (x) => x) },
  S297: { run: (row) => live(row, (x) => x + 5) },
  S298: { run: resharding, given: [] },
  S336: { run: blockCounts, given: ['batchMs', 'blockIntervalMs'] },
};

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A program that reads the stream `row` of a fake, and what it has seen. */
async function program(aws: LocalFakeAws, shards: number, handler: (x: number) => number) {
  await createTestStream(aws.endpoint, 'row', shards);
  const context = new StreamingContext({ batchIntervalMillis: 100, applicationName: 'row' });
  const seen: number[] = [];
  context
    .kinesisStream({
      streamName: 'row',
      region: testRegion,
      credentials: testCredentials,
      kinesisEndpoint: aws.endpoint,
      dynamoDBEndpoint: aws.endpoint,
      idleTimeBetweenReadsInMillis: 200,
      logger: quiet,
    })
    .map((record) => handler(Number(record.text())))
    .foreachBatch((batch) => void seen.push(...batch.collect()));
  context.start();
  const sorted = () => seen.toSorted((a, b) => a - b);
  const until = async (count: number) => {
    for (let tries = 0; seen.length < count && tries < 3_000; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return sorted();
  };
  return { context, until, stream: aws.stream('row') };
}

async function live(row: CaseRow, handler: (x: number) => number) {
  await using aws = await startFakeAws();
  const { context, until, stream } = await program(aws, 2, handler);
  const data = row.params['data'] as number[];
  for (const x of data) stream.put(`key-${x}`, String(x));
  const set = await until(data.length);
  await context.stop();
  return { expected: { set } };
}

/** Splits and merges under a running program. */
async function resharding(row: CaseRow) {
  await using aws = await startFakeAws();
  const { context, until, stream } = await program(aws, row.params['shards'] as number, (x) => x);
  const shardCounts = () => {
    const open = stream.openShards.length;
    return { closed: stream.shards.length - open, open };
  };
  const expected: unknown[] = [];
  let pushed = 0;
  for (const step of row.input as { push?: number[]; split?: string; merge?: string }[]) {
    if (step.push !== undefined) {
      for (const x of step.push) stream.put(`key-${x}`, String(x));
      pushed += step.push.length;
      expected.push({ set: await until(pushed) });
      continue;
    }
    const [first, second] = stream.openShards.map(({ shardId }) => shardId);
    if (step.split !== undefined) stream.split(first!);
    else stream.merge(first!, second!);
    expected.push(shardCounts());
  }
  await context.stop();
  return { expected };
}

/** At most as many blocks as intervals, and none of an interval without records. */
function blockCounts(row: CaseRow) {
  const lines = row.expected as { batchMs: number; blockIntervalMs: number }[];
  return {
    expected: lines.map((line) => {
      const limits = { blockMaxBytes: 1_000_000, blockMaxRecords: 1_000 };
      const builder = new BlockBuilder('shard-0', 1, positionOf(0n), limits);
      let blocks = 0;
      for (let time = 1; time <= line.batchMs; time += 1) {
        builder.add([recordAt(time)], 0);
        if (time % line.blockIntervalMs === 0 && builder.seal() !== undefined) blocks += 1;
      }
      if (builder.seal() !== undefined) throw new Error('an empty interval made a block');
      return { ...line, maxBlocksPerReceiver: blocks };
    }),
  };
}

function recordAt(time: number): KinesisRecord {
  return new KinesisRecord({
    data: new Uint8Array(1),
    partitionKey: 'key',
    sequenceNumber: String(time),
    subSequenceNumber: 0,
    shardId: 'shard-0',
    streamName: 'row',
    arrivalTimeMillis: time,
  });
}

/** How many records of each input a batch has. */
async function inputInfo(row: CaseRow) {
  const lines = row.input as { stream: number; records: number }[];
  const counts = new Map<number, number>();
  const rig = startRig(
    (first, ...others) => {
      for (const [index, stream] of [first, ...others].entries()) {
        stream.foreachBatch((batch) => void counts.set(index, (counts.get(index) ?? 0) + batch.count()));
      }
    },
    { inputs: lines.map(({ stream }) => `stream-${stream}`) },
  );
  for (const { stream, records } of lines) {
    rig.feed.push('shard-0', Array.from({ length: records }, String), { streamName: `stream-${stream}` });
    await rig.clock.advance(1_000);
  }
  rig.feed.end();
  await rig.clock.runUntil(rig.running);
  return { expected: { size: counts.size, ...Object.fromEntries(counts) } };
}

/** What is kept of past batch times, and for how long. */
function cleanup(row: CaseRow) {
  const lines = row.input as { time: number; stream: number; records: number }[];
  return {
    expected: (row.expected as { cleanup: number }[]).map(({ cleanup: oldest }) => {
      const history = new History();
      const newest = Math.max(...lines.map(({ time }) => time));
      for (const { time, records } of lines) {
        const partitions = [Array.from({ length: records }, () => 0)];
        history.note(
          0,
          new Batch({ id: time + 1, batchTimeMillis: time, ranges: [], partitions }),
          newest - oldest + 1,
        );
      }
      const countAt = (time: number) => history.between(0, time, time)[0]?.count();
      return { cleanup: oldest, time0: countAt(0), time1: countAt(1) };
    }),
  };
}
