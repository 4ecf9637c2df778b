import { deadlineController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import { createAwsFanOut } from '../kinesis/aws-fan-out.ts';
import { createFanOutReader } from '../kinesis/fan-out-reader.ts';
import type { KinesisApi } from '../kinesis/kinesis-api.ts';
import { createPollingReader } from '../kinesis/polling-reader.ts';
import type { ShardReader } from '../kinesis/reader.ts';
import { StreamConsumer } from '../kinesis/stream-consumer.ts';
import type { Clients } from './clients.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';

/** What {@link createReading} wires together. */
export interface ReadingParts {
  readonly clients: Clients;
  readonly api: KinesisApi;
  readonly settings: ConsumerSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
}

/** How the shards of a run are read. */
export interface Reading {
  readonly reader: ShardReader;
  /** Reads what was read before, beside the reader: a stream consumer has one subscription to a shard, which is taken. */
  readonly rereader: ShardReader;
  /** When nothing is read any more: ends what is under way, and deregisters the stream consumer, if the options ask for it. Never throws. */
  end(): Promise<void>;
}

/** How long the end of a run waits for the deregistration of its stream consumer. */
const deregisterTimeoutMillis = 5_000;

/** Chooses the reader by `retrievalMode`. Nothing is sent before a shard is opened. */
export function createReading(parts: ReadingParts): Reading {
  const { settings } = parts;
  const rereader = pollingReader(parts);
  if (settings.retrievalMode === 'POLLING') return { reader: rereader, rereader, end: async () => {} };
  const { clients, api, clock, random, events } = parts;
  const { streamName, streamArn = streamName, codec, consumerName, consumerArn } = settings;
  const { kinesis: client, subscriptions } = clients;
  const fanOut = createAwsFanOut({ client, subscriptions, stream: streamArn, clock, events, codec });
  const consumer = new StreamConsumer({
    api,
    fanOut,
    consumer: consumerArn === undefined ? { consumerName: consumerName ?? settings.applicationName } : { consumerArn },
    clock,
    random,
    events,
  });
  const fallback = settings.onConsumerLimit === 'POLLING' ? { fallback: pollingReader(parts) } : {};
  return {
    rereader,
    reader: createFanOutReader({ api, fanOut, consumer, streamName, clock, random, events, ...fallback }),
    async end() {
      consumer.close();
      if (!settings.deregisterConsumer) return;
      const reason = () => new MillraceError('MR_ABORTED', 'the run has ended');
      using limit = deadlineController(clock, deregisterTimeoutMillis, reason);
      await consumer.deregister(limit.signal);
    },
  };
}

function pollingReader({ api, settings, clock, random, events }: ReadingParts): ShardReader {
  const { streamName, maxRecords, idleTimeBetweenReadsInMillis, maxReadsPerSecondPerShard } = settings;
  const { millisBehindLatestThresholdForReducedTps } = settings;
  return createPollingReader({
    api,
    streamName,
    clock,
    random,
    events,
    maxRecords,
    idleTimeBetweenReadsInMillis,
    maxReadsPerSecondPerShard,
    millisBehindLatestThresholdForReducedTps,
  });
}
