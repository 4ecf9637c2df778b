import type { KinesisRecord } from '../../block/record.ts';
import type { LambdaKinesisRecord } from './lambda-types.ts';

/** What all records of a stream have in common. */
export interface EventOrigin {
  readonly streamArn: string;
  readonly region: string;
  readonly invokeIdentityArn: string;
}

/** The origin of the records of a stream, from its ARN. */
export function originOf(streamArn: string, invokeIdentityArn: string | undefined): EventOrigin {
  const [, partition = 'aws', , region = '', account = ''] = streamArn.split(':');
  return {
    streamArn,
    region,
    invokeIdentityArn: invokeIdentityArn ?? `arn:${partition}:iam::${account}:role/millrace`,
  };
}

/** A record as Lambda hands it to a function. */
export function lambdaRecord(record: KinesisRecord, origin: EventOrigin): LambdaKinesisRecord {
  const { data, sequenceNumber, partitionKey, shardId, arrivalTimeMillis } = record;
  return {
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: `${shardId}:${sequenceNumber}`,
    eventName: 'aws:kinesis:record',
    invokeIdentityArn: origin.invokeIdentityArn,
    awsRegion: origin.region,
    eventSourceARN: origin.streamArn,
    kinesis: {
      kinesisSchemaVersion: '1.0',
      partitionKey,
      sequenceNumber,
      data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
      approximateArrivalTimestamp: arrivalTimeMillis / 1_000,
    },
  };
}

/** The fields of a record beside its data, about, in bytes of JSON. */
const fieldBytes = 700;

/** How large a record is in an event, about, in bytes. */
export function eventBytesOf(record: KinesisRecord): number {
  return Math.ceil(record.byteLength / 3) * 4 + record.partitionKey.length + fieldBytes;
}

/** As large as an event of Lambda may be. */
export const mostEventBytes = 6 * 1024 * 1024;
