import { seededRandom } from '../../lib/base/random.ts';
import type { EventSink } from '../../lib/event/bus.ts';
import { type FanOutReaderOptions, createFanOutReader } from '../../lib/kinesis/fan-out-reader.ts';
import type { ShardReader } from '../../lib/kinesis/reader.ts';
import { StreamConsumer } from '../../lib/kinesis/stream-consumer.ts';
import type { KinesisSubject } from '../../lib/testkit/conformance/kinesis-bench.ts';

/** A fan-out reader of a stream, with a stream consumer of its own. */
export function fanOutReaderOf(
  { api, fanOut, clock, streamName }: Pick<KinesisSubject, 'api' | 'fanOut' | 'clock' | 'streamName'>,
  events: EventSink = { publish() {} },
  options: Partial<FanOutReaderOptions> = {},
): ShardReader {
  if (fanOut === undefined) throw new Error('the stream has no fan-out');
  const random = seededRandom(1);
  const consumer = new StreamConsumer({ api, fanOut, clock, random, events, consumer: { consumerName: 'reader' } });
  return createFanOutReader({ api, fanOut, clock, streamName, random, events, consumer, ...options });
}
