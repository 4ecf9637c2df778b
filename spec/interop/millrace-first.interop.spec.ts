import { SplitShardCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testKinesisClient, waitForStreamStatus } from '../support/local-stack.ts';
import { complaints, startJavaWorker } from './java-worker.ts';
import { startMillraceWorker } from './millrace-worker.ts';
import { rowFaults } from './row-check.ts';
import { type Emulators, type Scene, createScene, startEmulators } from './scene.ts';
import { isStory } from './story.ts';
import type { WorkerProcess } from './worker-process.ts';

// For 3.1.3 Millrace must be told to make three tables; where they are already there, as in java-first, it sees them.
describe.each([
  { version: '3.5.1', layout: 'single' },
  { version: '3.1.3', layout: 'legacy' },
] as const)('a fleet of Millrace that KCL $version joins', ({ version, layout }) => {
  isStory();
  let emulators: Emulators;
  let scene: Scene;
  let java: WorkerProcess;
  let millrace: WorkerProcess;
  beforeAll(async () => {
    emulators = await startEmulators();
    scene = await createScene(emulators, 'millrace-first', 4);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await emulators?.[Symbol.asyncDispose]();
  });
  // An idle worker, so that the leader gives it leases as soon as it may.
  const startJava = (workerId: string) =>
    scene.add(startJavaWorker(scene.application, { version, workerId, cpuMetric: '1' }));
  const rowsFaults = async () => rowFaults(await scene.tables.rows(), layout);

  it('begins with Millrace alone, which makes the tables', async () => {
    millrace = scene.add(
      startMillraceWorker(scene.application, { workerId: 'millrace-1', coordinationTables: layout }),
    );
    await scene.seesAll(40);
    await scene.owns(millrace);
    await scene.leads(millrace);
    expect(await rowsFaults()).toEqual([]);
  });

  it('hands leases to a Java worker that joins, and repeats nothing', async () => {
    java = startJava('java-1');
    await scene.owns(java, 1);
    await millrace.saw('event', ({ type, to }) => type === 'lease.released' && to === java.workerId);
    await scene.seesAll(40);
    await scene.leads(millrace);
    expect([...(await rowsFaults()), ...complaints(java)]).toEqual([]);
    expect(scene.repeated()).toEqual([]);
  });

  it('reads through a split of two shards', async () => {
    const kinesis = testKinesisClient(emulators.kinesis.endpoint);
    const { streamName } = scene.application;
    for (const [shard, NewStartingHashKey] of ['1000', '100000000000000000000000000000000000000'].entries()) {
      const ShardToSplit = `shardId-00000000000${shard}`;
      await kinesis.send(new SplitShardCommand({ StreamName: streamName, ShardToSplit, NewStartingHashKey }));
      await waitForStreamStatus(kinesis, streamName, 'ACTIVE');
    }
    kinesis.destroy();
    await scene.seesAll(60);
    const parents = scene.seenAtMillis(['shardId-000000000000', 'shardId-000000000001']);
    const children = scene.seenAtMillis([4, 5, 6, 7].map((number) => `shardId-00000000000${number}`));
    expect(parents).toHaveLength(40);
    expect(children).toHaveLength(40);
    expect(Math.max(...parents)).toBeLessThanOrEqual(Math.min(...children));
    expect([...(await rowsFaults()), ...complaints(java)]).toEqual([]);
    expect(scene.repeated()).toEqual([]);
  });

  it('has everything again after a clean stop of Java, and repeats nothing', async () => {
    await java.stop();
    await scene.producer.produce(40);
    await scene.owns(millrace);
    await scene.seenAll();
    expect(await rowsFaults()).toEqual([]);
    expect(scene.repeated()).toEqual([]);
  });

  it('goes on with Java as leader after kill -9 of Millrace', async () => {
    java = startJava('java-2');
    await scene.owns(java, 1);
    await millrace.kill();
    await scene.producer.produce(40);
    await scene.owns(java);
    await scene.leads(java);
    await scene.seenAll();
    expect([...(await rowsFaults()), ...complaints(java)]).toEqual([]);
    await java.stop();
  });

  it('has seen the records of each shard in their order all the time', () => {
    expect(scene.producer.produced).toHaveLength(220);
    expect(scene.disordered()).toEqual([]);
  });
});
