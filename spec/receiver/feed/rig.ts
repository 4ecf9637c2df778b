import { seededRandom } from '../../../lib/base/random.ts';
import type { BatchContext } from '../../../lib/block/batch-engine.ts';
import type { Block } from '../../../lib/block/block.ts';
import type { DemandLimit } from '../../../lib/block/block-source.ts';
import { formatRange } from '../../../lib/block/range.ts';
import type { EventOf, EventType, MillraceEvent } from '../../../lib/event/event.ts';
import type { FailurePolicy } from '../../../lib/receiver/failure-policy.ts';
import { EngineFeed } from '../../../lib/receiver/feed/engine-feed.ts';
import { StallWatch } from '../../../lib/receiver/stall-watch.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import { BlockFeed } from '../../engine/feed.ts';

/** What the engine of a rig was given, as text. */
export interface Taken {
  readonly texts: readonly string[];
  readonly ranges: readonly string[];
  readonly context: BatchContext;
}

/** An engine feed on virtual time: batches of one second, records as old as their block. */
export class FeedRig {
  readonly clock = new VirtualClock({ startWallMillis: 1_000_000 });
  readonly source = new BlockFeed();
  readonly events: MillraceEvent[] = [];
  readonly taken: Taken[] = [];
  readonly demands: DemandLimit[] = [];
  readonly life = new AbortController();
  readonly feed: EngineFeed;
  readonly running: Promise<void>;
  readonly givenUp: string[] = [];

  /** `onBatch` may throw, wait, or do nothing; what it was given is noted before. */
  constructor(
    onBatch: (taken: Taken, batch: readonly Block[]) => Promise<void> | void = () => {},
    policy: Partial<FailurePolicy> = {},
    onStall: 'RELEASE' | 'WARN' = 'RELEASE',
  ) {
    const events = { publish: (event: MillraceEvent) => void this.events.push(event) };
    this.feed = new EngineFeed({
      source: {
        blocks: this.source.blocks,
        ack: (range) => this.source.ack(range),
        demand: (limit) => void this.demands.push(limit),
      },
      engine: {
        onBatch: async (batch, context) => {
          const texts = batch.flatMap((block) => block.records.map((record) => record.text()));
          const taken = { texts, ranges: batch.map((block) => formatRange(block.range)), context };
          this.taken.push(taken);
          await onBatch(taken, batch);
        },
      },
      batchIntervalMillis: 1_000,
      policy: {
        maximumRetryAttempts: -1,
        maximumRecordAgeInSeconds: -1,
        bisectBatchOnFunctionError: false,
        // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
        then: 'STOP',
        ...policy,
      },
      clock: this.clock,
      random: seededRandom(7),
      events,
      serviceTimeMillis: () => 0,
      retentionMillis: () => 86_400_000,
      stallWatch: new StallWatch({
        clock: this.clock,
        events,
        stalledAfterMillis: 300_000,
        onStall,
        giveUp: (shardId) => {
          this.givenUp.push(shardId);
          this.source.lose(shardId);
        },
      }),
    });
    this.running = this.feed.run(this.life.signal);
    this.running.catch(() => {});
  }

  eventsOf<T extends EventType>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }
}
