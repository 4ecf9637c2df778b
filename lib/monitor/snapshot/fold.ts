import type { MillraceEvent } from '../../event/event.ts';
import { Histograms } from '../metrics/histograms.ts';
import { AlertList } from './alert-list.ts';
import { ApplicationState } from './application-state.ts';
import { BatchList } from './batch-list.ts';
import { CommitList } from './commit-list.ts';
import { count, noTotals } from './counts.ts';
import { LeaseList } from './lease-list.ts';
import type { Origin } from './origin.ts';
import { ReceiverList } from './receiver-list.ts';
import { ShardTable } from './shard-table.ts';
import type { BatchView, ReceiverView, Snapshot } from './snapshot.ts';
import { StageList } from './stage-list.ts';

/** What a fold is begun with. */
export interface SnapshotFoldOptions {
  /** Milliseconds since 1970. */
  readonly startedAtMillis: number;
  /** The host that the process runs on. */
  readonly location: string;
  readonly applicationName?: string | undefined;
  /** The receivers of the process; one that is not listed appears with its first event. */
  readonly receivers?: readonly Origin[];
  /** How many batches that are over are kept, 100 to 1,000: 1,000, Spark's `spark.streaming.ui.retainedBatches`. */
  readonly retainedBatches?: number;
}

/** Where events come from that no receiver has published: the engine's, and a consumer's before it is told apart. */
export const noOrigin: Origin = { receiverId: 0, streamName: '', workerIdentifier: '' };

/**
 * Folds events into a {@link Snapshot}. It has no clock and no effect: the same events at the same times give the same
 * snapshot. Its memory is bounded, whatever comes: by the shards that the process holds, and by the limits of its lists.
 */
export class SnapshotFold {
  readonly #application: ApplicationState;
  readonly #receivers: ReceiverList;
  readonly #shards = new ShardTable();
  readonly #leases = new LeaseList();
  readonly #batches: BatchList;
  readonly #stages = new StageList();
  readonly #commits = new CommitList();
  readonly #alerts = new AlertList();
  readonly #totals = noTotals();
  readonly #histograms = new Histograms();
  #version = 0;

  constructor(options: SnapshotFoldOptions) {
    const { startedAtMillis, applicationName = null, receivers = [], location, retainedBatches = 1_000 } = options;
    this.#application = new ApplicationState(startedAtMillis, applicationName);
    this.#receivers = new ReceiverList(receivers, location);
    this.#batches = new BatchList(Math.min(1_000, Math.max(100, retainedBatches)));
  }

  /** Goes up with every event. */
  get version(): number {
    return this.#version;
  }

  /** Takes one event into account that was published at a time by a receiver. */
  add(event: MillraceEvent, atMillis: number, origin: Origin = noOrigin): void {
    this.#version += 1;
    const seen = { atMillis, origin };
    count(this.#totals, event);
    this.#histograms.add(event);
    this.#application.add(event);
    this.#receivers.add(event, seen);
    this.#shards.add(event, seen);
    this.#leases.add(event, seen);
    // Before the batch forgets that it was active.
    this.#stages.add(event, atMillis, (key) => this.#batches.activeOf(key)?.records ?? 0);
    this.#batches.add(event, atMillis);
    this.#commits.add(event, atMillis);
    this.#alerts.add(event, atMillis);
  }

  /** One batch that is kept, by its key. */
  batchOf(key: string): BatchView | undefined {
    return this.#batches.batchOf(key);
  }

  /** One receiver at a time. */
  receiverOf(receiverId: number, nowMillis: number): ReceiverView | undefined {
    const views = this.#receivers.views(nowMillis, (id) => this.#shards.heldBy(id));
    return views.find((view) => view.receiverId === receiverId);
  }

  /** Everything at a time: plain data that later events do not change. */
  snapshot(nowMillis: number): Snapshot {
    return {
      version: this.#version,
      takenAtMillis: nowMillis,
      application: this.#application.view,
      receivers: this.#receivers.views(nowMillis, (receiverId) => this.#shards.heldBy(receiverId)),
      shards: this.#shards.views(nowMillis),
      leases: this.#leases.views,
      moves: this.#leases.moves,
      batches: this.#batches.view,
      stages: this.#stages.view,
      commits: this.#commits.views,
      alerts: this.#alerts.views,
      totals: { ...this.#totals },
      histograms: this.#histograms.views,
    };
  }
}
