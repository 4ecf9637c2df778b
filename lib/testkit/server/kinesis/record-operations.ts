import type { ChildShard, PutEntry, PutResult, RawRecord, StartPosition } from '../../../kinesis/kinesis-api.ts';
import { awsError } from '../../aws-error.ts';
import { insideOf } from '../../fake-kinesis.ts';
import { decodeIterator } from '../../fake-tokens.ts';
import type { RequestReader } from '../request.ts';
import type { WireValue } from '../wire-format.ts';
import { streamOfBulkIterator } from './bulk-token.ts';
import { type KinesisOperation, value } from './operation.ts';
import { hashKey } from './stream-operations.ts';

/** What a GetRecords call without Limit asks for. */
const defaultLimit = 10_000;
/** One PutRecords call. */
const maxPutBytes = 10 * 1024 * 1024;

/** The operations on records, subscriptions apart. */
export const recordOperations: Readonly<Record<string, KinesisOperation>> = {
  GetShardIterator(account, { request }) {
    const hosted = account.streamOf(request);
    const shardId = request.text('ShardId');
    const start = startPosition(request, 'ShardIteratorType', 'StartingSequenceNumber');
    const { calls } = insideOf(hosted.fake);
    if (hosted.bulk === undefined) return value({ ShardIterator: calls.getShardIterator({ shardId, start }) });
    // The positions are the prepared records', but the shard must be one of the model.
    calls.startOf(shardId, { type: 'LATEST' });
    return value({ ShardIterator: hosted.bulk.iteratorAt(shardId, start) });
  },

  GetRecords(account, { request, format }) {
    const iterator = request.text('ShardIterator');
    const limit = request.optionalInteger('Limit', 1, defaultLimit) ?? defaultLimit;
    const bulkStream = streamOfBulkIterator(iterator);
    if (bulkStream !== undefined) {
      const { bulk } = account.named(bulkStream);
      if (bulk !== undefined) return bulk.getRecords(iterator, limit, format);
    }
    const { streamName } = decodeIterator(iterator) ?? {};
    if (streamName === undefined) throw awsError('InvalidArgumentException', 'Invalid ShardIterator.');
    const answer = insideOf(account.named(streamName).fake).calls.getRecords({ iterator, limit });
    return value({
      MillisBehindLatest: answer.millisBehindLatest,
      ...(answer.nextIterator === undefined ? {} : { NextShardIterator: answer.nextIterator }),
      Records: answer.records.map(recordValue),
      ...(answer.childShards.length === 0 ? {} : { ChildShards: answer.childShards.map(childValue) }),
    });
  },

  PutRecords(account, { request }) {
    const hosted = account.streamOf(request);
    const entries = request.parts('Records').map(putEntry);
    const bytes = entries.reduce((sum, entry) => sum + entry.data.length + entry.partitionKey.length, 0);
    if (bytes > maxPutBytes) throw awsError('InvalidArgumentException', `${bytes} bytes, not at most ${maxPutBytes}`);
    const results = insideOf(hosted.fake).calls.putRecords(entries);
    return value({
      FailedRecordCount: results.filter((result) => !result.ok).length,
      Records: results.map(putResultValue),
      EncryptionType: 'NONE',
    });
  },

  PutRecord(account, { request }) {
    const hosted = account.streamOf(request);
    const [result] = insideOf(hosted.fake).calls.putRecords([putEntry(request)]);
    if (result?.ok === true) return value({ ShardId: result.shardId, SequenceNumber: result.sequenceNumber });
    throw awsError(result?.errorCode ?? 'InternalFailure', result?.errorMessage);
  },
};

/** The stream and shard that a request is about, where it tells them in another member than by name. */
export function subjectOfIterator(request: RequestReader): { streamName?: string; shardId?: string } {
  const text = request.members['ShardIterator'];
  if (typeof text !== 'string') return {};
  const { streamName = streamOfBulkIterator(text), shardId } = decodeIterator(text) ?? {};
  return { ...(streamName === undefined ? {} : { streamName }), ...(shardId === undefined ? {} : { shardId }) };
}

/** A position from its type, number and time. */
export function startPosition(request: RequestReader, typeName: string, numberName: string): StartPosition {
  const type = request.text(typeName);
  switch (type) {
    case 'TRIM_HORIZON':
    case 'LATEST':
      return { type };
    case 'AT_TIMESTAMP':
      return { type, timestampMillis: request.millis('Timestamp') };
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER': {
      const sequenceNumber = request.text(numberName);
      if (/^\d{1,129}$/.test(sequenceNumber)) return { type, sequenceNumber };
      throw awsError('InvalidArgumentException', `${numberName} ${sequenceNumber} is no sequence number.`);
    }
    default:
      throw awsError('ValidationException', `Value '${type}' at '${typeName}' is none of the types of positions.`);
  }
}

/** A record as GetRecords and events tell it. */
export function recordValue(record: RawRecord): WireValue {
  return {
    SequenceNumber: record.sequenceNumber,
    ApproximateArrivalTimestamp: new Date(record.arrivalTimeMillis),
    Data: record.data,
    PartitionKey: record.partitionKey,
  };
}

/** A child shard as GetRecords and events tell it. */
export function childValue(child: ChildShard): WireValue {
  return {
    ShardId: child.shardId,
    ParentShards: child.parentShardIds,
    HashKeyRange: { StartingHashKey: child.startingHashKey, EndingHashKey: child.endingHashKey },
  };
}

function putEntry(part: RequestReader): PutEntry {
  const explicit = part.optionalText('ExplicitHashKey');
  return {
    data: part.bytes('Data'),
    partitionKey: part.text('PartitionKey'),
    ...(explicit === undefined ? {} : { explicitHashKey: String(hashKey('ExplicitHashKey', explicit)) }),
  };
}

function putResultValue(result: PutResult): WireValue {
  return result.ok
    ? { ShardId: result.shardId, SequenceNumber: result.sequenceNumber }
    : { ErrorCode: result.errorCode, ErrorMessage: result.errorMessage };
}
