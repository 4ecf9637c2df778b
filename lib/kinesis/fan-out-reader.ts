import { unreachableTimeoutMillis } from '../base/retry.ts';
import { isMillraceError, messageOf } from '../base/error.ts';
import type { EventSink } from '../event/bus.ts';
import type { StartPosition } from './kinesis-api.ts';
import type { Page, ShardReader } from './reader.ts';
import { ShardSubscriber, type SubscriberSettings } from './shard-subscriber.ts';

/** What {@link createFanOutReader} needs. */
export interface FanOutReaderOptions extends Omit<SubscriberSettings, 'unreachableTimeoutMillis'> {
  /** How long calls may fail without an answer before the reader gives up: 30,000 ms. */
  readonly unreachableTimeoutMillis?: number;
  /** Reads instead, with an event, when the stream takes no further consumer; without it that is a fault. */
  readonly fallback?: ShardReader;
}

/**
 * Reads shards by SubscribeToShard (enhanced fan-out): each shard has 2 MB a second for this stream consumer alone, and
 * records come as they are put. An event is taken from its connection when the consumer asks for it, so a slow consumer
 * holds the service back. A subscription that ends, by its time, by a fault, or in silence, is followed by another behind the
 * last event.
 * @throws from its iteration: KinesisFault of kind `shardGone`, `MR_ENDPOINT_UNREACHABLE` after `unreachableTimeoutMillis`
 * without an answer or after ten subscriptions in a row that brought nothing, `MR_CONSUMER_LIMIT` when the stream takes no
 * further consumer, and the other faults of Kinesis as they are
 */
export function createFanOutReader(options: FanOutReaderOptions): ShardReader {
  const { fallback, events } = options;
  const settings = {
    ...options,
    unreachableTimeoutMillis: options.unreachableTimeoutMillis ?? unreachableTimeoutMillis,
  };
  return {
    open(shardId, start, signal) {
      const subscriber = new ShardSubscriber(settings, shardId, start, signal);
      const onLimit =
        fallback === undefined
          ? undefined
          : (resume: StartPosition, message: string) =>
              fallBack({ fallback, events, shardId, message }, resume, signal);
      return pagesOf(subscriber, signal, onLimit);
    },
  };
}

async function* pagesOf(
  subscriber: ShardSubscriber,
  signal: AbortSignal,
  onLimit: ((resume: StartPosition, message: string) => AsyncIterable<Page>) | undefined,
): AsyncGenerator<Page, void, undefined> {
  // A consumer that has stopped may never ask again, and what nobody asks for would hold its place at the service.
  const onAbort = () => subscriber.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const page = await subscriber.read();
      yield page;
      if (page.end !== undefined) return;
    }
  } catch (thrown) {
    if (onLimit === undefined || !isMillraceError(thrown, 'MR_CONSUMER_LIMIT')) throw thrown;
    yield* onLimit(subscriber.resume, messageOf(thrown));
  } finally {
    signal.removeEventListener('abort', onAbort);
    subscriber.close();
  }
}

interface Fallback {
  readonly fallback: ShardReader;
  readonly events: EventSink;
  readonly shardId: string;
  readonly message: string;
}

function fallBack(
  { fallback, events, shardId, message }: Fallback,
  resume: StartPosition,
  signal: AbortSignal,
): AsyncIterable<Page> {
  events.publish({ type: 'fanOut.fellBack', shardId, message });
  return fallback.open(shardId, resume, signal);
}
