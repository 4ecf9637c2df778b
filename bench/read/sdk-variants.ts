import {
  GetRecordsCommand,
  KinesisClient,
  type _Record as SdkRecord,
  SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { ReadRecord } from './page.ts';
import { type MakeReadVariant, benchCredentials, benchRegion, followIterators, looked } from './variant.ts';

const keptConnections = { keepAlive: true };

/** The SDK's loop with a client as it is made by nothing but `new`: it opens a session for every call. */
export const sdk: MakeReadVariant = (target) => sdkLoop(installedClient(target.endpoint), target.iterator);

/** The SDK's loop with the handler that is the cheapest for it: HTTP/1.1 over connections that are kept. */
export const sdkShared: MakeReadVariant = ({ endpoint, iterator }) =>
  sdkLoop(
    new KinesisClient({
      region: benchRegion,
      credentials: benchCredentials,
      endpoint,
      requestHandler: new NodeHttpHandler({ httpAgent: keptConnections, httpsAgent: keptConnections }),
    }),
    iterator,
  );

/** Fan-out as the SDK gives it: an event stream that is iterated. */
export const fanOutSdk: MakeReadVariant = ({ endpoint, consumerArn, shardId }) => {
  const client = installedClient(endpoint);
  async function* pages(): AsyncGenerator<readonly SdkRecord[]> {
    const aborter = new AbortController();
    const StartingPosition = { Type: 'TRIM_HORIZON' } as const;
    const command = new SubscribeToShardCommand({ ConsumerARN: consumerArn, ShardId: shardId, StartingPosition });
    const { EventStream } = await client.send(command, { abortSignal: aborter.signal });
    try {
      for await (const { SubscribeToShardEvent } of EventStream ?? []) yield SubscribeToShardEvent?.Records ?? [];
    } finally {
      aborter.abort();
    }
  }
  return {
    async round(count) {
      let seen = 0;
      let left = count;
      for await (const records of pages()) {
        seen += lookedAt(records);
        left -= 1;
        if (left === 0) break;
      }
      return seen;
    },
    async readAll() {
      for await (const records of pages()) return records.map(fieldsOf);
      return [];
    },
  };
};

function sdkLoop(client: KinesisClient, first: string) {
  const call = (iterator: string) => client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 10_000 }));
  return {
    round: (pages: number) =>
      followIterators(pages, first, async (iterator) => {
        const { Records = [], NextShardIterator = first } = await call(iterator);
        return { seen: lookedAt(Records), next: NextShardIterator };
      }),
    readAll: async () => ((await call(first)).Records ?? []).map(fieldsOf),
  };
}

function installedClient(endpoint: string): KinesisClient {
  return new KinesisClient({ region: benchRegion, credentials: benchCredentials, endpoint });
}

function lookedAt(records: readonly SdkRecord[]): number {
  let seen = 0;
  for (const { Data } of records) seen += looked(Data as Uint8Array);
  return seen;
}

function fieldsOf(record: SdkRecord): ReadRecord {
  return {
    data: record.Data as Uint8Array,
    partitionKey: record.PartitionKey as string,
    sequenceNumber: record.SequenceNumber as string,
    arrivalTimeMillis: (record.ApproximateArrivalTimestamp as Date).getTime(),
  };
}
