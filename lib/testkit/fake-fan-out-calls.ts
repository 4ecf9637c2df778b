import { linkedController, raceAbort } from '../base/abort.ts';
import type { FanOutApi, StreamConsumerDescription, SubscribeEvent, Subscription } from '../kinesis/fan-out-api.ts';
import { type KinesisCall, toKinesisFault } from '../kinesis/fault.ts';
import type { FakeConsumer } from './fake-consumers.ts';
import type { FakeFanOut, FakeFanOutEvent } from './fake-fan-out.ts';

/** The calls of a fan-out call, those of {@link FanOutApi}. */
export type FakeFanOutOperation = keyof FanOutApi;

/**
 * Stands before each call and each event of a subscription (`next`): may throw (refused, broken), or wait. What it throws is
 * classified as an error of the SDK; see `awsError` and `networkError`.
 */
export type FakeFanOutInterceptor = (operation: FakeFanOutOperation | 'next') => Promise<void> | void;

/** The calls of enhanced fan-out on a modelled stream, in the same process: {@link FanOutApi} over {@link FakeFanOut}. */
export function connectFanOut(
  fanOut: FakeFanOut,
  streamName: string,
  intercept: FakeFanOutInterceptor = () => {},
): FanOutApi {
  async function perform<T>(operation: FakeFanOutOperation, signal: AbortSignal, answer: () => T, shardId?: string) {
    const call: KinesisCall = {
      operation: operation[0]?.toUpperCase() + operation.slice(1),
      stream: streamName,
      ...(shardId === undefined ? {} : { shardId }),
    };
    try {
      // Even an answer at once takes a turn, as one over a network does.
      await Promise.resolve();
      await raceAbort(Promise.resolve(intercept(operation)), signal);
      return answer();
    } catch (thrown) {
      throw faultOf(thrown, signal, call);
    }
  }

  return {
    registerStreamConsumer: ({ consumerName }, signal) =>
      perform('registerStreamConsumer', signal, () => described(fanOut.consumers.register(consumerName))),
    describeStreamConsumer: (key, signal) =>
      perform('describeStreamConsumer', signal, () =>
        described(fanOut.consumers.find('consumerArn' in key ? { arn: key.consumerArn } : { name: key.consumerName })),
      ),
    deregisterStreamConsumer: (arn, signal) =>
      perform('deregisterStreamConsumer', signal, () => fanOut.consumers.deregister({ arn })),
    subscribeToShard: (request, signal) => {
      const call = { operation: 'SubscribeToShard', stream: streamName, shardId: request.shardId };
      return perform(
        'subscribeToShard',
        signal,
        () => {
          const life = linkedController();
          return subscriptionOf(fanOut.subscribe(request, life.signal), life, intercept, call);
        },
        request.shardId,
      );
    },
  };
}

function subscriptionOf(
  events: AsyncIterator<FakeFanOutEvent, void>,
  life: ReturnType<typeof linkedController>,
  intercept: FakeFanOutInterceptor,
  call: KinesisCall,
): Subscription {
  let receivedBytes = 0;
  return {
    get receivedBytes() {
      return receivedBytes;
    },
    async next() {
      try {
        await raceAbort(Promise.resolve(intercept('next')), life.signal);
        const next = await raceAbort(events.next(), life.signal);
        if (next.done === true) return undefined;
        receivedBytes += 1;
        return toEvent(next.value);
      } catch (thrown) {
        throw faultOf(thrown, life.signal, call);
      }
    },
    close: () => life.abort(new Error('the subscription was closed')),
  };
}

function faultOf(thrown: unknown, signal: AbortSignal, call: KinesisCall): Error {
  return toKinesisFault(signal.aborted ? new DOMException(String(signal.reason), 'AbortError') : thrown, call);
}

function described({ name, arn, status }: FakeConsumer): StreamConsumerDescription {
  return { consumerName: name, consumerArn: arn, status };
}

function toEvent(event: FakeFanOutEvent): SubscribeEvent {
  const { records, millisBehindLatest, childShards, continuationSequenceNumber } = event;
  return { records, nextIterator: undefined, continuationSequenceNumber, millisBehindLatest, childShards };
}
