import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateStreamCommand, DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type ChildServer, startChildServer } from './child-server.ts';

/** A running emulator: `endpoint` for clients, `stop()` when done; it also dies with this process. */
export type LocalService = ChildServer;

const resolve = createRequire(import.meta.url).resolve;

/** Credentials that the emulators take; they check none. */
export const testCredentials = { accessKeyId: 'test', secretAccessKey: 'test' } as const;

/** The region that the emulators use unless told otherwise. */
export const testRegion = 'us-east-1';

/** Options of {@link startKinesisLocal}. */
export interface KinesisLocalOptions {
  /** How long a stream stays CREATING, DELETING or UPDATING; long enough values let a test look at that status. */
  readonly createStreamMillis?: number;
  readonly deleteStreamMillis?: number;
  readonly splitShardMillis?: number;
  readonly mergeShardsMillis?: number;
  readonly updateShardCountMillis?: number;
  /** All open shards of all streams together. */
  readonly shardLimit?: number;
  /** More environment of kinesis-mock, over the above. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends a start that is still under way. */
  readonly signal?: AbortSignal;
}

/** Starts kinesis-local (plain HTTP/1.1) on a free port of 127.0.0.1 with nothing in it and nothing kept on disk. */
export function startKinesisLocal(options: KinesisLocalOptions = {}): Promise<LocalService> {
  const folder = dirname(resolve('kinesis-local/package.json'));
  const duration = (millis: number | undefined) => `${millis ?? 20}ms`;
  return startChildServer(
    (port) => ({
      name: 'kinesis-local',
      script: join(folder, 'main.js'),
      args: [],
      env: {
        KINESIS_MOCK_CERT_PATH: join(folder, 'server.json'),
        // Its second, encrypted port is not used; 0 lets the system choose one.
        KINESIS_MOCK_TLS_PORT: '0',
        KINESIS_MOCK_PLAIN_PORT: String(port),
        AWS_REGION: testRegion,
        LOG_LEVEL: 'ERROR',
        SHOULD_PERSIST_DATA: 'false',
        LOAD_DATA_IF_EXISTS: 'false',
        SHARD_LIMIT: String(options.shardLimit ?? 1_000),
        CREATE_STREAM_DURATION: duration(options.createStreamMillis),
        DELETE_STREAM_DURATION: duration(options.deleteStreamMillis),
        SPLIT_SHARD_DURATION: duration(options.splitShardMillis),
        MERGE_SHARDS_DURATION: duration(options.mergeShardsMillis),
        UPDATE_SHARD_COUNT_DURATION: duration(options.updateShardCountMillis),
        ...options.env,
      },
    }),
    options.signal,
  );
}

/** Options of {@link startDynalite}: how long a table stays CREATING, DELETING or UPDATING. */
export interface DynaliteOptions {
  /** Ends a start that is still under way. */
  readonly signal?: AbortSignal;
  readonly createTableMillis?: number;
  readonly deleteTableMillis?: number;
  readonly updateTableMillis?: number;
}

/** Starts dynalite, in memory, on a free port of 127.0.0.1. */
export function startDynalite(options: DynaliteOptions = {}): Promise<LocalService> {
  return startChildServer(
    (port) => ({
      name: 'dynalite',
      script: resolve('dynalite/cli.js'),
      args: [
        '--host=127.0.0.1',
        `--port=${port}`,
        `--createTableMs=${options.createTableMillis ?? 0}`,
        `--deleteTableMs=${options.deleteTableMillis ?? 0}`,
        `--updateTableMs=${options.updateTableMillis ?? 0}`,
      ],
      env: {},
    }),
    options.signal,
  );
}

/** A bare SDK client for arranging a test; the code under test makes its own. */
export function testKinesisClient(endpoint: string): KinesisClient {
  return new KinesisClient({
    endpoint,
    region: testRegion,
    credentials: testCredentials,
    requestHandler: new NodeHttpHandler({ connectionTimeout: 5_000, requestTimeout: 10_000 }),
  });
}

/** How long a stream may take to become ACTIVE. */
const activeLimitMillis = 60_000;

/** Creates a stream and waits until it is ACTIVE. */
export async function createTestStream(endpoint: string, name: string, shardCount: number): Promise<void> {
  const client = testKinesisClient(endpoint);
  try {
    await client.send(new CreateStreamCommand({ StreamName: name, ShardCount: shardCount }));
    await waitForStreamStatus(client, name, 'ACTIVE');
  } finally {
    client.destroy();
  }
}

/** Waits until the stream has the status; fails after 60 s with the status it has. */
export async function waitForStreamStatus(client: KinesisClient, name: string, status: string): Promise<void> {
  const giveUpAt = performance.now() + activeLimitMillis;
  for (;;) {
    const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName: name }));
    const seen = answer.StreamDescriptionSummary?.StreamStatus;
    if (seen === status) return;
    if (performance.now() > giveUpAt)
      throw new Error(`stream ${name} is ${seen ?? 'unknown'}, not ${status}, after 60 s`);
    await delay(20);
  }
}
