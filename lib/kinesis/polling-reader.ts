import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import type { KinesisApi } from './kinesis-api.ts';
import { type PaceLimits, defaultPaceLimits } from './pace.ts';
import { unreachableTimeoutMillis } from '../base/retry.ts';
import { PageIterator } from './page-iterator.ts';
import type { ShardReader } from './reader.ts';
import { ShardPoller } from './shard-poller.ts';

/** What {@link createPollingReader} needs, with the options of design section 14. */
export interface PollingReaderOptions {
  readonly api: KinesisApi;
  /** For the records; the calls know their stream. */
  readonly streamName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** Records of one page at most: 10,000, the limit of Kinesis. */
  readonly maxRecords?: number;
  /** From one read at the tip of a shard to the next: 1,000 ms. */
  readonly idleTimeBetweenReadsInMillis?: number;
  /**
   * KCL's: a shard that is less far behind its tip than this is read only once in that time, so that little is asked of the
   * stream's other readers; 0, never.
   */
  readonly millisBehindLatestThresholdForReducedTps?: number;
  /** 4 of the 5 that Kinesis gives to all readers of a shard together. */
  readonly maxReadsPerSecondPerShard?: number;
  /** How long reads may fail without an answer before the reader gives up: 30,000 ms. */
  readonly unreachableTimeoutMillis?: number;
}

/**
 * Reads shards by GetRecords. A page is asked for when the consumer asks for it, never ahead, so a slow consumer is
 * never buffered for. Iterators are renewed, throttling and passing faults waited out.
 * @throws from its iteration: KinesisFault `MR_ENDPOINT_UNREACHABLE` after `unreachableTimeoutMillis` of failing, of
 * kind `shardGone` for a shard that is gone, and the other faults of Kinesis as they are
 */
export function createPollingReader(options: PollingReaderOptions): ShardReader {
  const limits: PaceLimits = {
    ...defaultPaceLimits,
    ...(options.maxReadsPerSecondPerShard === undefined
      ? {}
      : { maxReadsPerSecond: options.maxReadsPerSecondPerShard }),
    reducedTpsMillis: options.millisBehindLatestThresholdForReducedTps ?? 0,
    ...(options.idleTimeBetweenReadsInMillis === undefined ? {} : { idleMillis: options.idleTimeBetweenReadsInMillis }),
  };
  const settings = {
    ...options,
    limits,
    maxRecords: options.maxRecords ?? 10_000,
    unreachableTimeoutMillis: options.unreachableTimeoutMillis ?? unreachableTimeoutMillis,
  };
  return {
    open(shardId, start, signal) {
      const poller = new ShardPoller(settings, shardId, start, signal);
      return new PageIterator({ ready: () => poller.ready(), read: () => poller.read(), close: () => {} });
    },
  };
}
