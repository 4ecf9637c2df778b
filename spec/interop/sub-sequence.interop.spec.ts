import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { type PutReceipt, createProducer } from '../../lib/kinesis/producer.ts';
import { testKinesisClient } from '../support/local-stack.ts';
import { complaints, startJavaWorker } from './java-worker.ts';
import { startMillraceWorker } from './millrace-worker.ts';
import { rowFaults } from './row-check.ts';
import { type Emulators, type Scene, createScene, startEmulators } from './scene.ts';
import { isStory } from './story.ts';
import type { WorkerProcess } from './worker-process.ts';

/** The user records of one aggregate, between two plain records. */
const inside = Array.from({ length: 20 }, (_, index) => `inside ${index}`);
const all = ['before', ...inside, 'after'];

// A checkpoint inside an aggregate is a sequence number and the place of a user record in it. Each owner stops at one, and
// the next one has to go on with the very next user record of the same aggregate.
describe('an aggregate that Millrace, KCL 3.5.1 and Millrace again read a part of each', () => {
  isStory();
  let emulators: Emulators;
  let scene: Scene;
  let aggregate: string;
  beforeAll(async () => {
    emulators = await startEmulators();
    scene = await createScene(emulators, 'sub-sequence', 1);
    const receipts = await putAll(emulators, scene.application.streamName);
    const ofInside = receipts.slice(1, -1);
    aggregate = ofInside[0]?.sequenceNumber ?? '';
    // They are one record of Kinesis indeed, and the others are none of it.
    expect(new Set(ofInside.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(1);
    expect(new Set(receipts.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(3);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await emulators?.[Symbol.asyncDispose]();
  });

  /** What the row of the only shard says of its checkpoint. */
  const checkpoint = async () => {
    const [row, ...others] = await scene.tables.leases();
    expect(others).toEqual([]);
    expect(rowFaults(await scene.tables.rows(), 'single')).toEqual([]);
    return [row?.['checkpoint']?.S, row?.['checkpointSubSequenceNumber']?.N];
  };
  const seenBy = (worker: WorkerProcess) =>
    worker.lines.flatMap(({ event, data }) => (event === 'record' && data !== undefined ? [data] : []));
  /** Waits for the checkpoint that a worker was told to stop at; it stays when the worker has stopped cleanly. */
  const stopsAt = async (worker: WorkerProcess, place: string) => {
    await worker.saw('checkpoint', ({ during }) => during === 'stop');
    expect(await checkpoint()).toEqual([aggregate, place]);
    await worker.stop();
    expect(await checkpoint()).toEqual([aggregate, place]);
  };

  it('is left by Millrace behind its user record 7', async () => {
    const millrace = scene.add(startMillraceWorker(scene.application, { workerId: 'm-1', stopAtData: 'inside 7' }));
    await stopsAt(millrace, '7');
    expect(seenBy(millrace)).toEqual(['before', ...inside.slice(0, 8)]);
  });

  it('is gone on with by Java at user record 8, and left behind 13', async () => {
    const settings = { version: '3.5.1', workerId: 'java-1', stopAtData: 'inside 13' } as const;
    const java = scene.add(startJavaWorker(scene.application, settings));
    const begun = await java.saw('initialized');
    expect([begun.sequenceNumber, begun.subSequenceNumber]).toEqual([aggregate, 7]);
    await stopsAt(java, '13');
    expect(seenBy(java)).toEqual(inside.slice(8, 14));
    expect(complaints(java)).toEqual([]);
  });

  it('is gone on with by Millrace at user record 14, to its end and beyond', async () => {
    const millrace = scene.add(startMillraceWorker(scene.application, { workerId: 'm-2' }));
    await millrace.saw('record', ({ data }) => data === 'after');
    await millrace.stop();
    expect(seenBy(millrace)).toEqual([...inside.slice(14), 'after']);
    const [sequenceNumber, place] = await checkpoint();
    expect(BigInt(sequenceNumber ?? 0)).toBeGreaterThan(BigInt(aggregate));
    expect(place).toBe('0');
  });

  it('was seen as it was put, no user record missing and none repeated', () => {
    const seen = scene.workers.flatMap(seenBy);
    expect(seen).toEqual(all);
  });
});

/** Puts a plain record, an aggregate, and another plain record, one call each. */
async function putAll({ kinesis }: Emulators, streamName: string): Promise<readonly PutReceipt[]> {
  const client = testKinesisClient(kinesis.endpoint);
  try {
    const events = new EventBus();
    const api = createAwsKinesis({ client, stream: { streamName }, clock: systemClock, events });
    const producer = createProducer({ api, clock: systemClock, random: systemRandom, aggregation: {} });
    const { signal } = new AbortController();
    const receipts: PutReceipt[] = [];
    for (const texts of [all.slice(0, 1), inside, all.slice(-1)]) {
      const entries = texts.map((text, index) => ({ partitionKey: `key ${index % 3}`, data: Buffer.from(text) }));
      receipts.push(...(await producer.putAll(entries, signal)));
    }
    return receipts;
  } finally {
    client.destroy();
  }
}
