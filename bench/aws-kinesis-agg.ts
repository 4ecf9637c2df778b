import { loadPeer } from './peers.ts';

/** A record as the AWS SDK's version 3 gives it. */
export interface SdkRecord {
  readonly Data: Uint8Array;
  readonly PartitionKey: string;
  readonly SequenceNumber: string;
}

/** A record as a Lambda event has it; its data are base64, or bytes. */
export interface LambdaRecord {
  readonly data: string | Uint8Array;
  readonly partitionKey: string;
  readonly sequenceNumber: string;
}

/** A user record that aws-kinesis-agg gives for a {@link LambdaRecord}; its data are base64. */
export interface AggUserRecord {
  readonly partitionKey: string;
  readonly explicitPartitionKey?: string;
  readonly subSequenceNumber: number;
  readonly data: string;
}

/** A user record that aws-kinesis-agg gives for an {@link SdkRecord}; its data are base64. */
export interface AggSdkUserRecord {
  readonly PartitionKey: string;
  readonly ExplicitPartitionKey?: string;
  readonly SubSequenceNumber: number;
  readonly Data: string;
}

/** A user record to aggregate. */
export interface AggInput {
  readonly partitionKey: string;
  readonly explicitHashKey?: string;
  readonly data: Uint8Array;
}

/** What Millrace uses of aws-kinesis-agg, the npm package by the makers of the KPL. */
export interface AwsKinesisAgg {
  deaggregateSync(
    record: LambdaRecord,
    computeChecksums: boolean,
    done: (error: Error | null | undefined, records?: readonly AggUserRecord[]) => void,
  ): void;
  deaggregateSync(
    record: SdkRecord,
    computeChecksums: boolean,
    done: (error: Error | null | undefined, records?: readonly AggSdkUserRecord[]) => void,
  ): void;
  readonly RecordAggregator: new () => {
    addUserRecord(record: AggInput): void;
    /** Gives the frame of what was added, and forgets it. */
    build(): { readonly data: Buffer; readonly partitionKey: string };
  };
}

/** Loads aws-kinesis-agg; installs it first where it is not. */
export function loadAwsKinesisAgg(): AwsKinesisAgg {
  return loadPeer('aws-kinesis-agg') as AwsKinesisAgg;
}

/** The frame that aws-kinesis-agg makes of these user records. */
export function frameOf(agg: AwsKinesisAgg, records: readonly AggInput[]): Buffer {
  const aggregator = new agg.RecordAggregator();
  // It changes what it is given.
  for (const record of records) aggregator.addUserRecord({ ...record, data: Buffer.from(record.data) });
  return aggregator.build().data;
}

/** The user records that aws-kinesis-agg finds in a record of the SDK; throws what it reports. */
export function userRecordsOf(agg: AwsKinesisAgg, record: SdkRecord): readonly AggSdkUserRecord[] {
  let found: readonly AggSdkUserRecord[] = [];
  let fault: Error | undefined;
  agg.deaggregateSync(record, true, (error, records) => {
    if (error instanceof Error) fault = error;
    found = records ?? found;
  });
  if (fault !== undefined) throw fault;
  return found;
}
