import { messageOf } from '../base/error.ts';
import { jsonLine } from '../base/json-line.ts';
import { KinesisRecord } from '../block/record.ts';
import type { DeadLetterContext } from '../receiver/dead-letter.ts';
import { type RecordLine, recordLine } from './record-line.ts';

/** What a dead letter says of the failure, beside the fields of the record. */
export interface DeadLetterFailure {
  readonly error: { readonly name: string; readonly message: string };
  readonly attempts: number;
  /** ISO 8601. */
  readonly failedAt: string;
}

/** A record with its failure as one line of JSON, without a newline. */
export function deadLetterLine(record: KinesisRecord, { error, attempts, failedAtMillis }: DeadLetterContext): string {
  const failure: DeadLetterFailure = {
    error: { name: error instanceof Error ? error.name : typeof error, message: messageOf(error) },
    attempts,
    failedAt: new Date(failedAtMillis).toISOString(),
  };
  return jsonLine({ ...recordLine(record), ...failure });
}

/** Reads such a line; `undefined` for one that is none, such as half a line that a crash has left. */
export function parseDeadLetterLine(line: string): { record: KinesisRecord; failure: DeadLetterFailure } | undefined {
  try {
    const fields = JSON.parse(line) as RecordLine & DeadLetterFailure;
    const { streamName, shardId, sequenceNumber, subSequenceNumber, partitionKey, encoding } = fields;
    const arrivalTimeMillis = Date.parse(fields.approximateArrivalTimestamp);
    const isRecord =
      typeof fields.data === 'string' && /^\d+$/.test(sequenceNumber) && !Number.isNaN(arrivalTimeMillis);
    if (!isRecord) return undefined;
    const data = new Uint8Array(Buffer.from(fields.data, encoding));
    const { error, attempts, failedAt } = fields;
    return {
      record: new KinesisRecord({
        data,
        partitionKey,
        sequenceNumber,
        subSequenceNumber,
        shardId,
        streamName,
        arrivalTimeMillis,
      }),
      failure: { error, attempts, failedAt },
    };
  } catch {
    return undefined;
  }
}
