import type { SubscribeEvent } from './codec/subscribe-event.ts';
import type { StartPosition } from './start-position.ts';

export type { SubscribeEvent } from './codec/subscribe-event.ts';

/** A registered stream consumer, as Kinesis describes it. */
export interface StreamConsumerDescription {
  readonly consumerName: string;
  readonly consumerArn: string;
  readonly status: 'CREATING' | 'ACTIVE' | 'DELETING';
}

/** A stream consumer by name, which needs the stream's ARN, or by its own ARN. */
export type StreamConsumerKey =
  | { readonly consumerName: string; readonly streamArn: string }
  | { readonly consumerArn: string };

/** One subscription to a shard, for at most 5 minutes. */
export interface Subscription {
  /** Bytes that came so far, those of incomplete events included. */
  readonly receivedBytes: number;
  /**
   * The next event; `undefined` when the service has ended the subscription. Nothing is read ahead of this call beyond what
   * the connection holds. Rejects with a `KinesisFault`. One call at a time.
   */
  next(): Promise<SubscribeEvent | undefined>;
  /** Ends it from this side; `isDead` says that nothing comes any more, so that its connection is looked at. Idempotent. */
  close(isDead?: boolean): void;
}

/**
 * The calls of enhanced fan-out, for one stream. As with `KinesisApi` a call is one attempt, and rejects with a
 * {@link KinesisFault}.
 */
export interface FanOutApi {
  registerStreamConsumer(
    request: { readonly consumerName: string; readonly streamArn: string },
    signal: AbortSignal,
  ): Promise<StreamConsumerDescription>;
  describeStreamConsumer(key: StreamConsumerKey, signal: AbortSignal): Promise<StreamConsumerDescription>;
  deregisterStreamConsumer(consumerArn: string, signal: AbortSignal): Promise<void>;
  /** Resolves once the service has accepted the subscription. The signal ends the call only, not what it answered with. */
  subscribeToShard(
    request: { readonly consumerArn: string; readonly shardId: string; readonly start: StartPosition },
    signal: AbortSignal,
  ): Promise<Subscription>;
}
