import type { ClientHttp2Session } from 'node:http2';
import {
  type Consumer,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  type KinesisClient,
  RegisterStreamConsumerCommand,
  type StartingPosition,
  SubscribeToShardCommand,
  type SubscribeToShardEvent,
  type SubscribeToShardEventStream,
  type SubscribeToShardOutput,
} from '@aws-sdk/client-kinesis';
import { type LinkedController, deadlineController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import type { EventSink } from '../event/bus.ts';
import { attemptsOn, required, toChildShard, toRawRecord } from './aws-values.ts';
import type { Codec } from './codec/codec.ts';
import { installSubscriptions } from './codec/install.ts';
import { RawSubscription } from './codec/subscribe-protocol.ts';
import { type EventBody, SubscriptionBody } from './codec/subscription-body.ts';
import type { FanOutApi, StreamConsumerDescription, SubscribeEvent, Subscription } from './fan-out-api.ts';
import { toKinesisFault } from './fault.ts';
import type { StartPosition } from './kinesis-api.ts';

/** What {@link createAwsFanOut} needs. */
export interface AwsFanOutOptions {
  /** For the calls about stream consumers. */
  readonly client: KinesisClient;
  /**
   * For SubscribeToShard: with connections that may be silent, and one session for all subscriptions. May be `client`, where
   * its time-outs bear that.
   */
  readonly subscriptions: KinesisClient;
  /** Name or ARN of the stream, for the texts of faults. */
  readonly stream: string;
  readonly clock: Clock;
  /** Hears `codec.fellBack`. */
  readonly events: EventSink;
  /** Who decodes: `sdk` leaves it to the SDK; all others mean Millrace, from JSON, since event streams carry nothing else. */
  readonly codec?: Codec;
  /** How long the service may take to accept a subscription: 10,000 ms. */
  readonly acceptTimeoutMillis?: number;
}

/** How long a session may take to answer a ping before it is given up with all its subscriptions. */
const pingTimeoutMillis = 5_000;

/** The calls of enhanced fan-out over the AWS SDK. Events are decoded by Millrace, out of the bodies of the answers. */
export function createAwsFanOut(options: AwsFanOutOptions): FanOutApi {
  const { client, subscriptions, stream, events, codec = 'json' } = options;
  const attempt = attemptsOn(stream);
  const isOwn = codec !== 'sdk' && installSubscriptions(subscriptions, events);
  let isIgnored = false;

  const tellIgnored = () => {
    if (!isOwn || isIgnored) return;
    isIgnored = true;
    const reason = 'the client does not ask its protocol, or gives bodies that are no streams';
    events.publish({ type: 'codec.fellBack', codec, to: 'sdk', reason, times: 1 });
  };

  return {
    registerStreamConsumer: ({ consumerName, streamArn }, signal) =>
      attempt('RegisterStreamConsumer', signal, async () => {
        const command = new RegisterStreamConsumerCommand({ ConsumerName: consumerName, StreamARN: streamArn });
        return toDescription((await client.send(command, { abortSignal: signal })).Consumer);
      }),

    describeStreamConsumer: (key, signal) =>
      attempt('DescribeStreamConsumer', signal, async () => {
        const command = new DescribeStreamConsumerCommand(
          'consumerArn' in key
            ? { ConsumerARN: key.consumerArn }
            : { ConsumerName: key.consumerName, StreamARN: key.streamArn },
        );
        return toDescription((await client.send(command, { abortSignal: signal })).ConsumerDescription);
      }),

    deregisterStreamConsumer: (consumerArn, signal) =>
      attempt('DeregisterStreamConsumer', signal, async () => {
        const command = new DeregisterStreamConsumerCommand({ ConsumerARN: consumerArn });
        await client.send(command, { abortSignal: signal });
      }),

    subscribeToShard: ({ consumerArn, shardId, start }, signal) =>
      attempt(
        'SubscribeToShard',
        signal,
        async () => {
          const command = new SubscribeToShardCommand({
            ConsumerARN: consumerArn,
            ShardId: shardId,
            StartingPosition: toStartingPosition(start),
          });
          const { output, life } = await accepted(command, signal, options);
          const faultOf = (thrown: unknown) =>
            toKinesisFault(thrown, { operation: 'SubscribeToShard', stream, shardId });
          if (output instanceof RawSubscription) return ownSubscription(output.body, options.clock, faultOf);
          tellIgnored();
          return sdkSubscription(output, life, faultOf);
        },
        shardId,
      ),
  };
}

/** Sends the call. `life` ends what it answered with, and no longer hears of `signal`. */
async function accepted(
  command: SubscribeToShardCommand,
  signal: AbortSignal,
  { subscriptions, clock, acceptTimeoutMillis = 10_000 }: AwsFanOutOptions,
): Promise<{ readonly output: SubscribeToShardOutput | RawSubscription; readonly life: LinkedController }> {
  const late = Object.assign(new Error(`no answer within ${acceptTimeoutMillis} ms`), { code: 'ETIMEDOUT' });
  const life = deadlineController(clock, acceptTimeoutMillis, () => late, signal);
  // The SDK's own wish is a session for each event stream; and its time-outs would end one that is held back.
  const handling = { abortSignal: life.signal, requestTimeout: 0, isEventStream: false };
  try {
    return { output: await subscriptions.send(command, handling), life };
  } catch (thrown) {
    throw life.signal.reason === late ? late : thrown;
  } finally {
    life[Symbol.dispose]();
  }
}

function ownSubscription(body: EventBody, clock: Clock, faultOf: (thrown: unknown) => Error): Subscription {
  const events = new SubscriptionBody(body);
  return {
    get receivedBytes() {
      return events.receivedBytes;
    },
    async next() {
      try {
        return await events.next();
      } catch (thrown) {
        throw faultOf(thrown);
      }
    },
    close(isDead = false) {
      if (isDead) giveUpDeadSession(body, clock);
      events.close();
    },
  };
}

/**
 * All subscriptions share a session. When one of them is dead the session may be, and a new subscription over it would be
 * dead too: so it must answer a ping, or it goes.
 */
function giveUpDeadSession(body: EventBody & { readonly session?: ClientHttp2Session }, clock: Clock): void {
  const { session } = body;
  if (session === undefined || session.destroyed) return;
  const cancel = clock.timer(pingTimeoutMillis, () => session.destroy(), { keepAlive: false });
  session.ping((error) => {
    if (error === null) cancel();
  });
}

function sdkSubscription(
  output: SubscribeToShardOutput,
  life: LinkedController,
  faultOf: (thrown: unknown) => Error,
): Subscription {
  const events = required(output.EventStream, 'EventStream')[Symbol.asyncIterator]();
  let receivedBytes = 0;
  return {
    get receivedBytes() {
      return receivedBytes;
    },
    async next() {
      try {
        for (;;) {
          const next: IteratorResult<SubscribeToShardEventStream, unknown> = await events.next();
          if (next.done === true) return undefined;
          receivedBytes += 1;
          const event = next.value.SubscribeToShardEvent;
          if (event !== undefined) return toEvent(event);
        }
      } catch (thrown) {
        throw faultOf(thrown);
      }
    },
    close: () => life.abort(new Error('the subscription was closed')),
  };
}

function toEvent(event: SubscribeToShardEvent): SubscribeEvent {
  return {
    records: required(event.Records, 'Records').map(toRawRecord),
    nextIterator: undefined,
    continuationSequenceNumber: event.ContinuationSequenceNumber,
    millisBehindLatest: required(event.MillisBehindLatest, 'MillisBehindLatest'),
    childShards: (event.ChildShards ?? []).map(toChildShard),
  };
}

function toDescription(consumer: Consumer | undefined): StreamConsumerDescription {
  return {
    consumerName: required(consumer?.ConsumerName, 'ConsumerName'),
    consumerArn: required(consumer?.ConsumerARN, 'ConsumerARN'),
    status: required(consumer?.ConsumerStatus, 'ConsumerStatus'),
  };
}

function toStartingPosition(start: StartPosition): StartingPosition {
  switch (start.type) {
    case 'TRIM_HORIZON':
    case 'LATEST':
      return { Type: start.type };
    case 'AT_TIMESTAMP':
      return { Type: start.type, Timestamp: new Date(start.timestampMillis) };
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      return { Type: start.type, SequenceNumber: start.sequenceNumber };
  }
}
