import { invariant } from '../base/assert.ts';
import { unreachableTimeoutMillis } from '../base/retry.ts';
import { isMillraceError, messageOf } from '../base/error.ts';
import type { EventSink } from '../event/bus.ts';
import type { StartPosition } from './kinesis-api.ts';
import { PageIterator } from './page-iterator.ts';
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

function pagesOf(
  subscriber: ShardSubscriber,
  signal: AbortSignal,
  onLimit: ((resume: StartPosition, message: string) => AsyncIterable<Page>) | undefined,
): AsyncIterable<Page> {
  // A consumer that has stopped may never ask again, and what nobody asks for would hold its place at the service.
  const onAbort = () => subscriber.close();
  signal.addEventListener('abort', onAbort, { once: true });
  let instead: AsyncIterator<Page> | undefined;
  const readInstead = async (pages: AsyncIterator<Page>): Promise<Page> => {
    const next = await pages.next();
    invariant(next.done !== true, 'the reader that was fallen back to gave no last page');
    return next.value;
  };
  return new PageIterator({
    async read() {
      if (instead !== undefined) return readInstead(instead);
      try {
        return await subscriber.read();
      } catch (thrown) {
        if (onLimit === undefined || !isMillraceError(thrown, 'MR_CONSUMER_LIMIT')) throw thrown;
        instead = onLimit(subscriber.resume, messageOf(thrown))[Symbol.asyncIterator]();
        return readInstead(instead);
      }
    },
    async close() {
      signal.removeEventListener('abort', onAbort);
      subscriber.close();
      await instead?.return?.();
    },
  });
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
