import {
  CreateStreamCommand,
  DeleteStreamCommand,
  type KinesisClient,
  ListStreamsCommand,
} from '@aws-sdk/client-kinesis';
import { DeleteTableCommand, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { type Clients, createClients } from '../../../lib/app/clients.ts';
import { pause, sleep, systemClock } from '../../../lib/base/clock.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import type { Codec } from '../../../lib/kinesis/codec/codec.ts';
import type { KinesisApi, PutEntry } from '../../../lib/kinesis/kinesis-api.ts';
import { createProducer } from '../../../lib/kinesis/producer.ts';
import type { TestAwsOptions } from './options.ts';
import { prefixOfAll } from './plan.ts';

/** Where the checks play: a stream of its own, and the numbers that were put so far. */
export interface Scene {
  readonly options: TestAwsOptions;
  readonly streamName: string;
  readonly clients: Clients;
  readonly api: KinesisApi;
  readonly signal: AbortSignal;
  /** Numbers from 0 to it (exclusive) are in the stream, each as the text of one record. */
  readonly count: number;
  /** By application, up to which number (exclusive) it has finished. */
  readonly finished: Map<string, number>;
  /** Puts so many further numbers, under keys of all shards. */
  put(more: number): Promise<void>;
  /** Waits until the stream is ACTIVE. */
  active(): Promise<void>;
  /** A further way to call Kinesis, and what it told about its codec. */
  apiWith(codec: Codec): { readonly api: KinesisApi; readonly fellBack: () => boolean; readonly close: () => void };
}

/** How long a stream may take to become ACTIVE; on AWS a split takes half a minute. */
const activeLimitMillis = 300_000;
const lookMillis = 500;

/** Makes the clients; a run closes them when it has cleaned up. */
export function clientsOf({ region, kinesisEndpoint, dynamoDBEndpoint }: TestAwsOptions): Clients {
  return createClients({
    region,
    ...(kinesisEndpoint === undefined ? {} : { kinesisEndpoint }),
    ...(dynamoDBEndpoint === undefined ? {} : { dynamoDBEndpoint }),
  });
}

/** Creates the stream; `onName` hears its name before that, so that it can be deleted whatever happens. */
export async function setScene(
  options: TestAwsOptions,
  clients: Clients,
  signal: AbortSignal,
  onName: (streamName: string) => void,
): Promise<Scene> {
  const streamName = `${prefixOfAll}${systemRandom.hex(8)}`;
  onName(streamName);
  const apiWith = (codec: Codec) => {
    let isFallen = false;
    const own = clientsOf(options);
    const events = { publish: ({ type }: { type: string }) => void (isFallen ||= type === 'codec.fellBack') };
    const api = createAwsKinesis({ client: own.kinesis, stream: { streamName }, clock: systemClock, events, codec });
    return { api, fellBack: () => isFallen, close: () => own.destroy() };
  };
  const events = { publish() {} };
  const api = createAwsKinesis({ client: clients.kinesis, stream: { streamName }, clock: systemClock, events });
  const producer = createProducer({ api, clock: systemClock, random: systemRandom });
  let count = 0;
  const active = async () => {
    const giveUpAt = systemClock.monotonicMillis() + activeLimitMillis;
    for (;;) {
      const { status } = await api.describeStream(signal);
      if (status === 'ACTIVE') return;
      if (systemClock.monotonicMillis() > giveUpAt) throw new Error(`the stream is ${status} after 5 minutes`);
      await sleep(systemClock, lookMillis, signal);
    }
  };
  await clients.kinesis.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: 2 }), {
    abortSignal: signal,
  });
  await active();
  return {
    options,
    streamName,
    clients,
    api,
    signal,
    finished: new Map(),
    get count() {
      return count;
    },
    async put(more) {
      const entries = Array.from({ length: more }, (_, index): PutEntry => ({
        data: Buffer.from(String(count + index)),
        partitionKey: `key-${(count + index) % 64}`,
      }));
      await producer.putAll(entries, signal);
      count += more;
    },
    active,
    apiWith,
  };
}

/** What is still there of a run, or of all runs, by the beginning of the name. */
export interface Leftovers {
  readonly streams: readonly string[];
  readonly tables: readonly string[];
}

/** Finds the streams and tables of a run, or of all. */
export async function findLeftovers(clients: Clients, prefix: string): Promise<Leftovers> {
  const ofUs = (name: string) => name.startsWith(prefix);
  const streams: string[] = [];
  for (let last: string | undefined; ;) {
    const page = await listStreams(clients.kinesis, last);
    streams.push(...page.names.filter(ofUs));
    last = page.names.at(-1);
    if (!page.hasMore || last === undefined) break;
  }
  const tables: string[] = [];
  for (let last: string | undefined; ;) {
    const start = last === undefined ? {} : { ExclusiveStartTableName: last };
    const page = await clients.dynamoDB.send(new ListTablesCommand(start));
    tables.push(...(page.TableNames ?? []).filter(ofUs));
    last = page.LastEvaluatedTableName;
    if (last === undefined) break;
  }
  return { streams, tables };
}

async function listStreams(kinesis: KinesisClient, last: string | undefined) {
  const start = last === undefined ? {} : { ExclusiveStartStreamName: last };
  const page = await kinesis.send(new ListStreamsCommand({ Limit: 100, ...start }));
  return { names: page.StreamNames ?? [], hasMore: page.HasMoreStreams === true };
}

/** How often a deletion is asked for that the service is not ready for. */
const maxDeleteAttempts = 60;

/** Deletes them; stream consumers go with their stream. Each deletion is asked for until it is accepted or needless. */
export async function deleteLeftovers(clients: Clients, { streams, tables }: Leftovers): Promise<void> {
  const deletions = [
    ...streams.map((StreamName) => () => {
      return clients.kinesis.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }));
    }),
    ...tables.map((TableName) => () => clients.dynamoDB.send(new DeleteTableCommand({ TableName }))),
  ];
  const outcomes = await Promise.allSettled(deletions.map((deletion) => untilDone(deletion)));
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  if (failed.length > 0) throw new Error(`not all is deleted, run --cleanup: ${failed.join('; ')}`);
}

async function untilDone(deletion: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await deletion();
      return;
    } catch (thrown) {
      const { name } = thrown as Error;
      if (name === 'ResourceNotFoundException') return;
      const isBusy = ['ResourceInUseException', 'LimitExceededException', 'ThrottlingException'].includes(name);
      if (!isBusy || attempt >= maxDeleteAttempts) throw thrown;
      await pause(systemClock, 1_000, new AbortController().signal);
    }
  }
}
