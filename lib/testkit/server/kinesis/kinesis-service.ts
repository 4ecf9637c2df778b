import type { CallSubject } from '../faults.ts';
import type { RequestReader } from '../request.ts';
import type { FakeService, Reply, ServiceCall } from '../service.ts';
import { cborFormat, jsonFormat } from '../wire-format.ts';
import { type KinesisAccount, streamNameOf } from './account.ts';
import { consumerOperations } from './consumer-operations.ts';
import type { KinesisOperation } from './operation.ts';
import { recordOperations, subjectOfIterator } from './record-operations.ts';
import { streamOperations } from './stream-operations.ts';
import { subscribeOperations } from './subscribe.ts';

const operations: Readonly<Record<string, KinesisOperation>> = {
  ...streamOperations,
  ...consumerOperations,
  ...recordOperations,
  ...subscribeOperations,
};

/** Kinesis over the wire: the operations, in JSON 1.1 and CBOR. */
export function createKinesisService(account: KinesisAccount): FakeService {
  return {
    target: 'Kinesis_20131202',
    errorPrefix: '',
    formats: [jsonFormat('1.1'), cborFormat],
    checksums: false,
    answer(call: ServiceCall): Reply | undefined {
      return Object.hasOwn(operations, call.operation) ? operations[call.operation]?.(account, call) : undefined;
    },
    subjectOf,
  };
}

function subjectOf(request: RequestReader): CallSubject {
  const streamName = streamNameOf(request);
  const shardId = request.members['ShardId'];
  return {
    ...(streamName === undefined ? {} : { streamName }),
    ...(typeof shardId === 'string' ? { shardId } : {}),
    ...subjectOfIterator(request),
  };
}
