import { hash } from 'node:crypto';
import { systemClock } from '../../lib/base/clock.ts';
import { KinesisRecord } from '../../lib/block/record.ts';
import { Deaggregator } from '../../lib/kinesis/kpl/deaggregator.ts';
import { maxHashKey } from '../../lib/kinesis/kpl/hash-range.ts';
import { type AwsKinesisAgg, loadAwsKinesisAgg } from '../aws-kinesis-agg.ts';
import type { ReadUserRecord } from './shape.ts';

/** One way to take the aggregates of a page apart. */
export interface KplVariant {
  /** Takes the page apart, looks at every user record as a handler would, its length and its first byte; answers a sum. */
  read(): number;
  /** The user records; absent where nothing is decoded. */
  readonly readAll?: () => readonly ReadUserRecord[];
}

/** The ways, by name; each is made for the frames of a page. */
export const kplVariants: Readonly<Record<string, (frames: readonly Uint8Array[]) => KplVariant>> = {
  /** As a consumer of a shard does it: digests and hash keys are checked. */
  millrace,
  /** From records as Lambda hands them over, the form that its types describe. */
  awsKinesisAgg,
  /** From records as version 3 of the SDK hands them over. */
  awsKinesisAggSdk,
  /** The digests of the messages alone, one after the other by OpenSSL: what most implementations cannot do without. */
  opensslDigests: (frames) => ({
    read: () => frames.reduce((sum, frame) => sum + hash('md5', frame.subarray(4, -16)).length, 0),
  }),
};

const sequenceNumber = '49590338271490256608559692538361571095921575989136588898';
const origin = { shardId: 'shardId-000000000000', streamName: 'stream', subSequenceNumber: 0 };

function millrace(frames: readonly Uint8Array[]): KplVariant {
  const deaggregator = new Deaggregator({
    shardId: origin.shardId,
    // Nearly all keys: so every key is looked at, and none is left out.
    hashKeyRange: { startingHashKey: '0', endingHashKey: `${maxHashKey - 1n}` },
    clock: systemClock,
    events: {
      publish: (event) => {
        throw new Error(`${event.type} came up`);
      },
    },
  });
  const page = () =>
    frames.map((data) => new KinesisRecord({ data, partitionKey: 'a', sequenceNumber, arrivalTimeMillis: 0 }, origin));
  return {
    read: () => {
      let sum = 0;
      for (const part of deaggregator.parts(page())) {
        for (const { data } of part) sum += data.length + (data[0] as number);
      }
      return sum;
    },
    readAll: () => [...deaggregator.parts(page())].flat(),
  };
}

function awsKinesisAgg(frames: readonly Uint8Array[]): KplVariant {
  const agg = loadAwsKinesisAgg();
  const records = frames.map((frame) => ({
    data: Buffer.from(frame).toString('base64'),
    partitionKey: 'a',
    sequenceNumber,
  }));
  return {
    read: () => {
      let sum = 0;
      for (const record of records) {
        agg.deaggregateSync(record, true, (error, found) => {
          mustBeFine(error);
          for (const { data } of found ?? []) sum += lookAt(data);
        });
      }
      return sum;
    },
    readAll: () => {
      const all: ReadUserRecord[] = [];
      for (const record of records) {
        agg.deaggregateSync(record, true, (error, found) => {
          mustBeFine(error);
          for (const one of found ?? []) all.push({ ...one, data: Buffer.from(one.data, 'base64') });
        });
      }
      return all;
    },
  };
}

function awsKinesisAggSdk(frames: readonly Uint8Array[]): KplVariant {
  const agg: AwsKinesisAgg = loadAwsKinesisAgg();
  const records = frames.map((Data) => ({ Data, PartitionKey: 'a', SequenceNumber: sequenceNumber }));
  return {
    read: () => {
      let sum = 0;
      for (const record of records) {
        agg.deaggregateSync(record, true, (error, found) => {
          mustBeFine(error);
          for (const { Data } of found ?? []) sum += lookAt(Data);
        });
      }
      return sum;
    },
    readAll: () => {
      const all: ReadUserRecord[] = [];
      for (const record of records) {
        agg.deaggregateSync(record, true, (error, found) => {
          mustBeFine(error);
          for (const { Data, PartitionKey, SubSequenceNumber } of found ?? []) {
            const data = Buffer.from(Data, 'base64');
            all.push({ partitionKey: PartitionKey, subSequenceNumber: SubSequenceNumber, data });
          }
        });
      }
      return all;
    },
  };
}

/** What a handler does with the base64 that aws-kinesis-agg hands over: it decodes it. */
function lookAt(base64: string): number {
  const data = Buffer.from(base64, 'base64');
  return data.length + (data[0] as number);
}

function mustBeFine(error: Error | null | undefined): void {
  if (error instanceof Error) throw error;
}
