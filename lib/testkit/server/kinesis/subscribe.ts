import { type FakeFanOutEvent, type FakeSubscribeRequest } from '../../fake-fan-out.ts';
import { messageOf } from '../../../base/error.ts';
import { exceptionFrame, jsonEvent } from '../event-stream.ts';
import { jsonFormat } from '../wire-format.ts';
import type { KinesisOperation } from './operation.ts';
import { childValue, recordValue, startPosition } from './record-operations.ts';

/** Event streams of Kinesis carry JSON whatever the request was written in. */
const json = jsonFormat('1.1');

/** The subscription of enhanced fan-out. */
export const subscribeOperations: Readonly<Record<string, KinesisOperation>> = {
  SubscribeToShard(account, { request, gone }) {
    const { fanOut, bulk } = account.streamOf(request);
    const position = request.optionalPart('StartingPosition');
    const subscribe: FakeSubscribeRequest = {
      consumerArn: request.text('ConsumerARN'),
      shardId: request.text('ShardId'),
      start: position === undefined ? { type: 'LATEST' } : startPosition(position, 'Type', 'SequenceNumber'),
    };
    if (bulk !== undefined) return { kind: 'events', frames: framesOf(bulk.subscribe(subscribe, fanOut, gone())) };
    return { kind: 'events', frames: framesOf(eventFrames(fanOut.subscribe(subscribe, gone()))) };
  },
};

/** The frames of an answer: the first response, the events, and the exception that ended them, if one did. */
async function* framesOf(events: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield jsonEvent('initial-response', Buffer.from('{}'));
  try {
    yield* events;
  } catch (thrown) {
    const known = (thrown as { $metadata?: unknown }).$metadata !== undefined;
    yield exceptionFrame(known ? (thrown as Error).name : 'InternalFailureException', messageOf(thrown));
  }
}

async function* eventFrames(events: AsyncIterable<FakeFanOutEvent>): AsyncGenerator<Uint8Array> {
  for await (const event of events) {
    const { records, continuationSequenceNumber, millisBehindLatest, childShards } = event;
    yield jsonEvent(
      'SubscribeToShardEvent',
      json.encode({
        ...(continuationSequenceNumber === undefined ? {} : { ContinuationSequenceNumber: continuationSequenceNumber }),
        MillisBehindLatest: millisBehindLatest,
        Records: records.map(recordValue),
        ...(childShards.length === 0 ? {} : { ChildShards: childShards.map(childValue) }),
      }),
    );
  }
}
