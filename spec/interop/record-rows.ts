/**
 * Records what real Java workers write, as fixtures for the tests of the row codec: rows-3.5.1.json and
 * rows-3.1.3.json. Each holds moments, each moment the rows of every table; bytes are base64.
 *
 *   bash spec/interop/setup.sh && node --import tsx spec/interop/record-rows.ts
 */
import { writeFileSync } from 'node:fs';
import { SplitShardCommand } from '@aws-sdk/client-kinesis';
import { testKinesisClient } from '../support/local-stack.ts';
import { type KclVersion, startJavaWorker } from './java-worker.ts';
import { type Scene, createScene, startEmulators } from './scene.ts';
import { type Row, type TableRows, isLease } from './tables.ts';
import { waitUntil } from './wait.ts';

const versions: readonly KclVersion[] = ['3.5.1', '3.1.3'];

for (const version of versions) {
  const moments = await record(version);
  const file = new URL(`fixtures/rows-${version}.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(moments, bytesAsBase64, 2)}\n`);
  process.stderr.write(`${version}: ${Object.keys(moments).join(', ')}\n`);
}

async function record(version: KclVersion): Promise<Record<string, TableRows>> {
  await using emulators = await startEmulators();
  await using scene = await createScene(emulators, 'fixtures', 2);
  const { application } = scene;
  const moments: Record<string, TableRows> = {};
  const keep = async (name: string, accepts: (rows: TableRows) => boolean) => {
    moments[name] = await rowsWhen(scene, name, accepts);
  };
  await scene.producer.produce(10);
  const first = scene.add(
    startJavaWorker(application, { version, workerId: 'java-1', cpuMetric: '80', preparedState: 'half done' }),
  );
  await keep('created', (rows) => leases(rows).length === 2);
  await keep('prepared', (rows) => leases(rows).some((row) => row['pendingCheckpoint'] !== undefined));
  await scene.seenAll();
  await keep('reading', (rows) => leases(rows).every((row) => /^\d+$/.test(row['checkpoint']?.S ?? '')));
  const kinesis = testKinesisClient(emulators.kinesis.endpoint);
  await kinesis.send(
    new SplitShardCommand({
      StreamName: application.streamName,
      ShardToSplit: 'shardId-000000000000',
      NewStartingHashKey: '1000',
    }),
  );
  kinesis.destroy();
  await first.saw('shardEnded');
  await scene.producer.produce(10);
  await scene.seenAll();
  await keep('split', (rows) => leases(rows).some((row) => row['childShardIds'] !== undefined));
  const second = scene.add(startJavaWorker(application, { version, workerId: 'java-2', cpuMetric: '10' }));
  await keep('handoff', (rows) => leases(rows).some((row) => row['checkpointOwner'] !== undefined));
  await second.saw('initialized');
  await keep('shared', (rows) => leases(rows).every((row) => row['checkpointOwner'] === undefined));
  await second.stop();
  await first.stop();
  await keep('stopped', () => true);
  return moments;
}

function rowsWhen(scene: Scene, name: string, accepts: (rows: TableRows) => boolean): Promise<TableRows> {
  let last: TableRows = {};
  return waitUntil(
    `the rows of moment ${name}`,
    async () => {
      last = await scene.tables.rows();
      return accepts(last) && last;
    },
    () => last,
    10,
  );
}

function leases(rows: TableRows): readonly Row[] {
  return (rows[''] ?? []).filter(isLease);
}

function bytesAsBase64(this: unknown, key: string, value: unknown): unknown {
  if (key !== 'B') return value;
  const bytes = (this as { readonly B: Uint8Array }).B;
  return Buffer.from(bytes).toString('base64');
}
