import { SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Admin, createAdmin } from '../../lib/index.ts';
import { testCredentials, testKinesisClient, testRegion, waitForStreamStatus } from '../support/local-stack.ts';
import { complaints, startJavaWorker } from './java-worker.ts';
import { startMillraceWorker } from './millrace-worker.ts';
import { rowFaults } from './row-check.ts';
import { type Emulators, type Scene, createScene, startEmulators } from './scene.ts';
import { isStory } from './story.ts';
import type { WorkerProcess } from './worker-process.ts';

describe('a fleet of KCL 3.5.1 and Millrace under load', () => {
  isStory();
  let emulators: Emulators;
  let scene: Scene;
  let java: WorkerProcess;
  let millrace: WorkerProcess;
  let admin: Admin;
  beforeAll(async () => {
    emulators = await startEmulators();
    scene = await createScene(emulators, 'mixed-load', 4);
    const { applicationName, streamName, kinesisEndpoint, dynamoEndpoint, failoverTimeMillis } = scene.application;
    admin = createAdmin({
      applicationName,
      streamName,
      kinesisEndpoint,
      dynamoDBEndpoint: dynamoEndpoint,
      failoverTimeMillis,
      region: testRegion,
      credentials: testCredentials,
    });
  });
  afterAll(async () => {
    await admin?.[Symbol.asyncDispose]();
    await scene?.[Symbol.asyncDispose]();
    await emulators?.[Symbol.asyncDispose]();
  });
  const startJava = (workerId: string, cpuMetric: `${number}`) =>
    scene.add(startJavaWorker(scene.application, { version: '3.5.1', workerId, cpuMetric }));
  const faults = async () => [...rowFaults(await scene.tables.rows(), 'single'), ...complaints(java)];

  it('hands leases from Java to Millrace while records come, and repeats nothing', async () => {
    java = startJava('java-1', '100');
    await scene.seesAll(20);
    await scene.owns(java);
    await using load = scene.load();
    millrace = scene.add(startMillraceWorker(scene.application, { workerId: 'millrace-1' }));
    await scene.owns(millrace, 1);
    await java.saw('leaseLost');
    expect(await load.end()).toBeGreaterThan(100);
    await scene.seenAll();
    expect(scene.repeated()).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  it('reads through two splits while records come, and repeats nothing', async () => {
    await using load = scene.load();
    const rows = await scene.tables.leases();
    // One of each worker, as long as the busy leader still has one.
    const [ofMillrace, other] = rows.toSorted((a) => (a['leaseOwner']?.S === millrace.workerId ? -1 : 1));
    const last = rows.find((row) => row !== ofMillrace && row['leaseOwner']?.S === java.workerId) ?? other;
    const kinesis = testKinesisClient(emulators.kinesis.endpoint);
    const { streamName: StreamName } = scene.application;
    for (const row of [ofMillrace, last]) {
      const [start, end] = ['startingHashKey', 'endingHashKey'].map((name) => BigInt(row?.[name]?.S ?? '0'));
      const NewStartingHashKey = String((start! + end!) / 2n);
      const ShardToSplit = row?.['leaseKey']?.S;
      await kinesis.send(new SplitShardCommand({ StreamName, ShardToSplit, NewStartingHashKey }));
      await waitForStreamStatus(kinesis, StreamName, 'ACTIVE');
    }
    kinesis.destroy();
    await scene.hasOpenLeases(6);
    await load.end();
    await scene.seesAll(40);
    const parents = scene.seenAtMillis([ofMillrace, last].map((row) => row?.['leaseKey']?.S ?? ''));
    const children = scene.seenAtMillis([4, 5, 6, 7].map((number) => `shardId-00000000000${number}`));
    expect(parents.length).toBeGreaterThan(10);
    expect(children.length).toBeGreaterThan(20);
    expect(scene.repeated()).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  it('refuses to drain the Java worker, and drains that of Millrace, while records come', async () => {
    await using load = scene.load();
    await expect(admin.drain(java.workerId)).rejects.toMatchObject({ code: 'MR_FOREIGN_WORKER' });
    const { shards } = await admin.drain(millrace.workerId);
    expect(shards.length).toBeGreaterThan(0);
    await millrace.saw('stopped');
    await scene.owns(java);
    await load.end();
    await scene.seenAll();
    expect(scene.repeated()).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  it('hands leases from Millrace to Java while records come, and repeats nothing', async () => {
    millrace = scene.add(startMillraceWorker(scene.application, { workerId: 'millrace-2' }));
    await scene.reports(millrace);
    await java.stop();
    await scene.owns(millrace);
    await scene.leads(millrace);
    await using load = scene.load();
    java = startJava('java-2', '1');
    await scene.owns(java, 1);
    await millrace.saw('event', ({ type, to }) => type === 'lease.released' && to === java.workerId);
    await load.end();
    await scene.seenAll();
    expect(scene.repeated()).toEqual([]);
    expect(await faults()).toEqual([]);
  });

  it('has seen the records of each shard in their order all the time', () => {
    expect(scene.disordered()).toEqual([]);
  });

  it('reads again from the oldest record after a seek, which evicts the Java owner', async () => {
    const before = java.lines.length;
    const [moved] = (await scene.tables.leases()).filter(
      (row) => row['leaseOwner']?.S === java.workerId && row['checkpoint']?.S !== 'SHARD_END',
    );
    const shardId = moved?.['leaseKey']?.S ?? '';
    const [move] = await admin.seek({ to: 'TRIM_HORIZON', shards: [shardId] });
    expect(move).toMatchObject({ shardId, evicted: java.workerId, applied: true });
    // Java notices at its next renewal: it shuts its processor down as one that has lost its lease.
    await java.saw('leaseLost', (line) => line.shardId === shardId && java.lines.indexOf(line) >= before);
    const ofShard = scene.producer.produced.filter((record) => record.shardId === shardId);
    await scene.seenAgain(ofShard);
  });
});
