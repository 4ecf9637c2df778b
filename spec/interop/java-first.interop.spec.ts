import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complaints, startJavaWorker } from './java-worker.ts';
import { startMillraceWorker } from './millrace-worker.ts';
import { rowFaults } from './row-check.ts';
import { type Emulators, type Scene, createScene, startEmulators } from './scene.ts';
import { isStory } from './story.ts';
import { keyOf } from './tables.ts';
import type { WorkerProcess } from './worker-process.ts';

describe.each([
  { version: '3.5.1', layout: 'single' },
  { version: '3.1.3', layout: 'legacy' },
] as const)('a fleet of KCL $version that Millrace joins', ({ version, layout }) => {
  isStory();
  let emulators: Emulators;
  let scene: Scene;
  let java: WorkerProcess;
  let millrace: WorkerProcess;
  beforeAll(async () => {
    emulators = await startEmulators();
    scene = await createScene(emulators, 'java-first', 4);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await emulators?.[Symbol.asyncDispose]();
  });
  const startJava = (workerId: string, cpuMetric: `${number}`) =>
    scene.add(startJavaWorker(scene.application, { version, workerId, cpuMetric }));
  const faults = async () => [...rowFaults(await scene.tables.rows(), layout), ...complaints(java)];

  it('begins with Java alone', async () => {
    // A busy worker, so that its leader gives leases away as soon as it may.
    java = startJava('java-1', '100');
    await scene.seesAll(40);
    await scene.owns(java);
    await scene.leads(java);
    expect(await faults()).toEqual([]);
  });

  it('hands leases to a Millrace worker that joins, and repeats nothing', async () => {
    millrace = scene.add(startMillraceWorker(scene.application, { workerId: 'millrace-1' }));
    await scene.owns(millrace, 1);
    await scene.seesAll(40);
    await scene.leads(java);
    expect(await faults()).toEqual([]);
    expect(scene.repeated()).toEqual([]);
  });

  it('goes on with Millrace as leader after kill -9 of Java', async () => {
    await java.kill();
    await scene.producer.produce(40);
    await scene.owns(millrace);
    await scene.leads(millrace);
    await scene.seenAll();
    expect(await faults()).toEqual([]);
  });

  it('lets another Java worker join under that leader, and repeats nothing', async () => {
    const before = scene.repeated();
    java = startJava('java-2', '1');
    await scene.owns(java, 1);
    await millrace.saw('event', ({ type, to }) => type === 'lease.released' && to === java.workerId);
    await scene.seesAll(40);
    await scene.leads(millrace);
    expect(await faults()).toEqual([]);
    expect(scene.repeated()).toEqual(before);
  });

  it('is Java alone again after a clean stop of Millrace, which leaves nothing behind and repeats nothing', async () => {
    const before = scene.repeated();
    await millrace.stop();
    await scene.producer.produce(40);
    await scene.owns(java);
    await scene.leads(java);
    await scene.seenAll();
    expect(await faults()).toEqual([]);
    expect(scene.repeated()).toEqual(before);
    const rows = Object.values(await scene.tables.rows()).flat();
    expect(rows.map(keyOf)).not.toContain('millrace-1');
  });

  it('is Millrace alone after a clean stop of the Java leader, and repeats nothing', async () => {
    const before = scene.repeated();
    millrace = scene.add(startMillraceWorker(scene.application, { workerId: 'millrace-2' }));
    await scene.reports(millrace);
    await scene.seesAll(40);
    await scene.leads(java);
    await java.stop();
    await scene.producer.produce(40);
    await scene.owns(millrace);
    await scene.leads(millrace);
    await scene.seenAll();
    expect(await faults()).toEqual([]);
    expect(scene.repeated()).toEqual(before);
    await millrace.stop();
  });

  it('has seen the records of each shard in their order all the time', () => {
    expect(scene.producer.produced).toHaveLength(280);
    expect(scene.disordered()).toEqual([]);
  });
});
