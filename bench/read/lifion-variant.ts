import { loadPeer } from '../peers.ts';
import type { ReadRecord } from './page.ts';
import { type MakeReadVariant, benchCredentials, benchRegion, followIterators, looked } from './variant.ts';

/** A record as lifion-kinesis gives it. */
interface LifionRecord {
  readonly data: Buffer;
  readonly partitionKey: string;
  readonly sequenceNumber: string;
  readonly approximateArrivalTimestamp: Date;
}

interface LifionPage {
  readonly records: readonly LifionRecord[];
  readonly continuePolling: () => void;
}

/** A record as version 2 of the SDK gives it. */
interface Sdk2Record {
  readonly Data: Buffer;
  readonly PartitionKey: string;
  readonly SequenceNumber: string;
  readonly ApproximateArrivalTimestamp: Date;
}

interface Sdk2Page {
  readonly Records: readonly Sdk2Record[];
  readonly NextShardIterator: string;
}

type Sdk2Client = new (options: Readonly<Record<string, unknown>>) => {
  getRecords(request: object): { promise(): Promise<Sdk2Page> };
};

/** The parts of lifion-kinesis that read a shard: the consumer of one shard, over the client of version 2 of the SDK. */
type PollingConsumer = new (options: Readonly<Record<string, unknown>>) => { start(): Promise<void>; stop(): void };
type LifionClient = new (options: Readonly<Record<string, unknown>>) => object;

const quiet = { debug() {}, warn() {}, error() {} };
/** Version 2 of the SDK, whose end of life was in 2025: what lifion-kinesis reads with, and what it could be at best. */
export const sdk2: MakeReadVariant = ({ endpoint, iterator: first }) => {
  const Client = loadPeer('aws-sdk/clients/kinesis') as Sdk2Client;
  const client = new Client({ region: benchRegion, credentials: benchCredentials, endpoint });
  const call = (iterator: string) => client.getRecords({ ShardIterator: iterator, Limit: 10_000 }).promise();
  return {
    round: (pages) =>
      followIterators(pages, first, async (iterator) => {
        const { Records, NextShardIterator } = await call(iterator);
        let seen = 0;
        for (const { Data } of Records) seen += looked(Data);
        return { seen, next: NextShardIterator };
      }),
    readAll: async () =>
      (await call(first)).Records.map((record) => ({
        data: record.Data,
        partitionKey: record.PartitionKey,
        sequenceNumber: record.SequenceNumber,
        arrivalTimeMillis: record.ApproximateArrivalTimestamp.getTime(),
      })),
  };
};

const endOfTimes = '2100-01-01T00:00:00Z';

/**
 * The reading path of lifion-kinesis with its defaults, as its manager of consumers makes it, but without leases and
 * checkpoints: the next page is asked for when this one was looked at (`usePausedPolling`).
 */
export const lifion: MakeReadVariant = ({ endpoint, streamName, shardId }) => {
  const Consumer = loadPeer('lifion-kinesis/lib/polling-consumer') as PollingConsumer;
  const Client = loadPeer('lifion-kinesis/lib/kinesis-client') as LifionClient;
  const awsOptions = { region: benchRegion, credentials: benchCredentials, endpoint };
  const client = new Client({ awsOptions, logger: quiet, streamName });

  /** Reads pages until the callback wants no more. */
  function readWhile(wantsMore: (records: readonly LifionRecord[]) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const consumer = new Consumer({
        client,
        logger: quiet,
        streamName,
        shardId,
        initialPositionInStream: 'TRIM_HORIZON',
        leaseExpiration: endOfTimes,
        limit: 10_000,
        shouldDeaggregate: false,
        shouldParseJson: 'auto',
        useAutoCheckpoints: false,
        usePausedPolling: true,
        stateStore: { getShardsData: async () => ({}) },
        stopConsumer: () => reject(new Error('lifion-kinesis has stopped its consumer')),
        pushToStream: (error: Error | null, page: LifionPage) => {
          if (error !== null) reject(error);
          else if (wantsMore(page.records)) page.continuePolling();
          else resolve(consumer.stop());
        },
      });
      consumer.start().catch(reject);
    });
  }

  return {
    async round(pages) {
      let seen = 0;
      let left = pages;
      await readWhile((records) => {
        for (const { data } of records) seen += looked(data);
        left -= 1;
        return left > 0;
      });
      return seen;
    },
    async readAll() {
      let all: readonly ReadRecord[] = [];
      await readWhile((records) => {
        all = records.map((record) => ({
          data: record.data,
          partitionKey: record.partitionKey,
          sequenceNumber: record.sequenceNumber,
          arrivalTimeMillis: new Date(record.approximateArrivalTimestamp).getTime(),
        }));
        return false;
      });
      return all;
    },
  };
};
