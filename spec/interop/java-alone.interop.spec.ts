import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startJavaWorker } from './java-worker.ts';
import { rowFaults } from './row-check.ts';
import { type Emulators, type Scene, createScene, startEmulators } from './scene.ts';
import { isStory } from './story.ts';
import { keyOf } from './tables.ts';

// Shows that the Java side and the emulators work, before anything is said of Millrace.
describe.each([
  { version: '3.5.1', layout: 'single' },
  { version: '3.1.3', layout: 'legacy' },
] as const)('KCL $version alone', ({ version, layout }) => {
  isStory();
  let emulators: Emulators;
  let scene: Scene;
  beforeAll(async () => {
    emulators = await startEmulators();
    scene = await createScene(emulators, 'alone', 2);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await emulators?.[Symbol.asyncDispose]();
  });

  it('reads everything that was produced, once', async () => {
    await scene.producer.produce(100);
    const worker = scene.add(startJavaWorker(scene.application, { version, workerId: 'java-1' }));
    await scene.seenAll();
    await scene.producer.produce(100);
    await scene.seenAll();
    await worker.stop();
    expect(scene.repeated()).toEqual([]);
  });

  it('leaves rows without fault', async () => {
    const rows = await scene.tables.rows();
    expect(rowFaults(rows, layout)).toEqual([]);
    expect((await scene.tables.leases()).map(keyOf)).toEqual(['shardId-000000000000', 'shardId-000000000001']);
  });

  it('goes on from its checkpoints', async () => {
    await scene.producer.produce(20);
    const worker = scene.add(startJavaWorker(scene.application, { version, workerId: 'java-2' }));
    await scene.seenAll();
    await worker.stop();
    expect(scene.repeated()).toEqual([]);
  });
});
