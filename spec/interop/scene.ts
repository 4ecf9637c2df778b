import { setTimeout as delay } from 'node:timers/promises';
import { type ChildServer } from '../support/child-server.ts';
import { startDynamoDBLocal } from '../support/dynamodb-local.ts';
import { createTestStream, startKinesisLocal } from '../support/local-stack.ts';
import type { ApplicationSettings } from './java-worker.ts';
import { type Producer, type ProducedRecord, createProducer } from './producer.ts';
import { type Row, type TableReader, createTableReader, keyOf } from './tables.ts';
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
  /** All that were added, in that order. */
  readonly workers: readonly WorkerProcess[];
  /** Remembers a worker: what it reads counts, and it is killed when the scene ends. */
  add(worker: WorkerProcess): WorkerProcess;
  /** Puts that many more records and waits until every record ever produced has been seen by some worker. */
  seesAll(produce: number): Promise<void>;
  /** Waits until every record that was produced has been seen by some worker. */
  seenAll(): Promise<void>;
  /** Puts 20 records four times a second until it is ended; answers then how many those were. */
  load(): Load;
  /** Waits until each of these records has been seen at least twice. */
  seenAgain(records: readonly ProducedRecord[]): Promise<void>;
  /** Waits until there are that many leases, ended ones and those being cleaned up left out. */
  hasOpenLeases(count: number): Promise<void>;
  /** Waits until the worker owns that many shards that have not ended, all of them if no number is given. */
  owns(worker: WorkerProcess, atLeast?: number): Promise<void>;
  /** Waits until the worker has the leader's lock. */
  leads(worker: WorkerProcess): Promise<void>;
  /** Waits until the worker has a row of its own, by which a leader counts on it. */
  reports(worker: WorkerProcess): Promise<void>;
  /** The records seen more than once, over all workers: allowed after a crash, and after nothing else. */
  repeated(): readonly string[];
  /** The records first seen after a later one of their shard, whichever worker saw it: never allowed. */
  disordered(): readonly string[];
  /** The first sight of each record of the shards, by the clock of this machine; milliseconds. */
  seenAtMillis(shardIds: readonly string[]): readonly number[];
}

/** Records that come all the time. */
export interface Load extends AsyncDisposable {
  /** Ends it; answers with how many records were put. */
  end(): Promise<number>;
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
  const seenAll = async () => {
    await waitUntil('every record to be seen', () => unseen().length === 0, unseen);
  };
  return {
    application,
    producer,
    tables,
    workers,
    add: (worker) => {
      workers.push(worker);
      return worker;
    },
    seesAll: async (produce) => {
      await producer.produce(produce);
      await seenAll();
    },
    seenAll,
    load: () => startLoad(producer),
    seenAgain: async (records) => {
      const once = () => {
        const times = new Map<string, number>();
        for (const key of seenRecords(workers)) times.set(key, (times.get(key) ?? 0) + 1);
        return records.filter((record) => (times.get(recordKey(record)) ?? 0) < 2);
      };
      await waitUntil('records to be seen again', () => once().length === 0, once);
    },
    hasOpenLeases: async (count) => {
      let open: readonly Row[] = [];
      await waitUntil(
        `${count} open leases`,
        async () => {
          open = (await tables.leases()).filter((row) => row['checkpoint']?.S !== 'SHARD_END');
          return open.length === count;
        },
        () => open,
      );
    },
    owns: async ({ workerId }, atLeast) => {
      let live: readonly Row[] = [];
      await waitUntil(
        `${workerId} to own ${atLeast ?? 'all'} of the shards`,
        async () => {
          live = (await tables.leases()).filter((row) => row['checkpoint']?.S !== 'SHARD_END');
          return live.length > 0 && live.filter((row) => isOwnedBy(row, workerId)).length >= (atLeast ?? live.length);
        },
        () => live,
      );
    },
    leads: async ({ workerId }) => {
      let leader: string | undefined;
      await waitUntil(
        `${workerId} to lead`,
        async () => {
          const all = Object.values(await tables.rows()).flat();
          leader = all.find((row) => keyOf(row) === 'Leader')?.['ownerName']?.S;
          return leader === workerId;
        },
        () => leader,
      );
    },
    reports: async ({ workerId }) => {
      let keys: readonly string[] = [];
      await waitUntil(
        `${workerId} to report`,
        async () => {
          keys = Object.values(await tables.rows()).flatMap((rows) => rows.map(keyOf));
          return keys.includes(workerId);
        },
        () => keys,
      );
    },
    repeated: () => {
      const all = seenRecords(workers);
      return all.filter((key, index) => all.indexOf(key) !== index);
    },
    disordered: () => {
      const furthest = new Map<string, bigint>();
      return firstSightings(workers).flatMap(({ shardId, sequenceNumber }) => {
        const number = BigInt(sequenceNumber);
        const before = furthest.get(shardId);
        if (before !== undefined && number < before) return [recordKey({ shardId, sequenceNumber })];
        furthest.set(shardId, number);
        return [];
      });
    },
    seenAtMillis: (shardIds) =>
      firstSightings(workers).flatMap(({ shardId, atMillis }) => (shardIds.includes(shardId) ? [atMillis] : [])),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
      producer[Symbol.dispose]();
      tables[Symbol.dispose]();
    },
  };
}

function startLoad(producer: Producer): Load {
  const stopped = new AbortController();
  const before = producer.produced.length;
  const run = async () => {
    while (!stopped.signal.aborted) {
      await producer.produce(20);
      await delay(250, undefined, { signal: stopped.signal }).catch(() => {});
    }
  };
  const running = run();
  running.catch(() => {});
  const end = async () => {
    stopped.abort();
    await running;
    return producer.produced.length - before;
  };
  return { end, [Symbol.asyncDispose]: async () => void (await end().catch(() => 0)) };
}

function isOwnedBy(row: Row, workerId: string): boolean {
  return row['leaseOwner']?.S === workerId && row['checkpointOwner'] === undefined;
}

function seenRecords(workers: readonly WorkerProcess[]): string[] {
  return sightings(workers).map(recordKey);
}

interface Sighting extends Pick<ProducedRecord, 'shardId' | 'sequenceNumber'> {
  readonly atMillis: number;
}

function sightings(workers: readonly WorkerProcess[]): Sighting[] {
  return workers.flatMap((worker) =>
    worker.lines.flatMap(({ event, atMillis, shardId = '', sequenceNumber = '' }) =>
      event === 'record' ? [{ shardId, sequenceNumber, atMillis }] : [],
    ),
  );
}

/** Each record once, in the order in which the fleet saw them: all workers have the clock of this machine. */
function firstSightings(workers: readonly WorkerProcess[]): Sighting[] {
  const first = new Map<string, Sighting>();
  for (const one of sightings(workers).sort((a, b) => a.atMillis - b.atMillis)) {
    if (!first.has(recordKey(one))) first.set(recordKey(one), one);
  }
  return [...first.values()];
}

function recordKey({ shardId, sequenceNumber }: Pick<ProducedRecord, 'shardId' | 'sequenceNumber'>): string {
  return `${shardId} ${sequenceNumber}`;
}
