import { type ChildServer } from '../support/child-server.ts';
import { startDynamoDBLocal } from '../support/dynamodb-local.ts';
import { createTestStream, startKinesisLocal } from '../support/local-stack.ts';
import type { ApplicationSettings } from './java-worker.ts';
import { type Producer, type ProducedRecord, createProducer } from './producer.ts';
import { type TableReader, createTableReader } from './tables.ts';
import { waitUntil } from './wait.ts';
import type { WorkerProcess } from './worker-process.ts';

/** F of every fleet of these tests: short, but longer than the machine stalls. */
export const failoverTimeMillis = 5_000;

/** The emulators that the tests of one file share. */
export interface Emulators extends AsyncDisposable {
  readonly kinesis: ChildServer;
  readonly dynamo: ChildServer;
}

/** Starts both emulators. */
export async function startEmulators(): Promise<Emulators> {
  const [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynamoDBLocal()]);
  return {
    kinesis,
    dynamo,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([kinesis.stop(), dynamo.stop()]);
    },
  };
}

/** One application on one stream: a producer, its tables, and the workers that were started. */
export interface Scene extends AsyncDisposable {
  readonly application: ApplicationSettings;
  readonly producer: Producer;
  readonly tables: TableReader;
  /** Remembers a worker: what it reads counts, and it is killed when the scene ends. */
  add(worker: WorkerProcess): WorkerProcess;
  /** Waits until every record that was produced has been seen by some worker. */
  seenAll(): Promise<void>;
  /** The records seen more than once, over all workers: allowed after a crash, and after nothing else. */
  repeated(): readonly string[];
}

/** Makes a stream of its own, and an application of its own on it. */
export async function createScene(emulators: Emulators, name: string, shardCount: number): Promise<Scene> {
  const application: ApplicationSettings = {
    applicationName: `app-${name}`,
    streamName: `stream-${name}`,
    kinesisEndpoint: emulators.kinesis.endpoint,
    dynamoEndpoint: emulators.dynamo.endpoint,
    failoverTimeMillis,
  };
  await createTestStream(emulators.kinesis.endpoint, application.streamName, shardCount);
  const producer = createProducer(emulators.kinesis.endpoint, application.streamName);
  const tables = createTableReader(emulators.dynamo.endpoint, application.applicationName);
  const workers: WorkerProcess[] = [];
  const unseen = () => {
    const seen = new Set(seenRecords(workers));
    return producer.produced.filter((record) => !seen.has(recordKey(record)));
  };
  return {
    application,
    producer,
    tables,
    add: (worker) => {
      workers.push(worker);
      return worker;
    },
    seenAll: async () => {
      await waitUntil('every record to be seen', () => unseen().length === 0, unseen);
    },
    repeated: () => {
      const all = seenRecords(workers);
      return all.filter((key, index) => all.indexOf(key) !== index);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
      producer[Symbol.dispose]();
      tables[Symbol.dispose]();
    },
  };
}

function seenRecords(workers: readonly WorkerProcess[]): string[] {
  return workers.flatMap((worker) =>
    worker.lines.flatMap(({ event, shardId = '', sequenceNumber = '' }) =>
      event === 'record' ? [recordKey({ shardId, sequenceNumber })] : [],
    ),
  );
}

function recordKey({ shardId, sequenceNumber }: Pick<ProducedRecord, 'shardId' | 'sequenceNumber'>): string {
  return `${shardId} ${sequenceNumber}`;
}
