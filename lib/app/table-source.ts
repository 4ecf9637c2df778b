import { type Clock, pause, systemClock } from '../base/clock.ts';
import type {
  LeaseMove,
  LeaseView as LeaseOfPage,
  ShardView as ShardOfPage,
  Snapshot,
} from '../monitor/snapshot/snapshot.ts';
import type { UiSource } from '../web/source.ts';
import { type Admin, type LeaseView, createAdmin } from './admin.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import { type ShardView, listShards } from './stream-shards.ts';
import { emptySnapshot } from './watch.ts';

/** What is looked at, and how often. */
export interface TableSourceOptions {
  readonly application: ConsumerOptions;
  /** From one look at the lease table to the next, while somebody looks at the page. */
  readonly intervalMillis: number;
  /** Hears of each look that failed; the page keeps what was seen before. */
  readonly onFault: (thrown: unknown) => void;
}

/** An application seen from outside: by its lease table, and by what Kinesis says of its shards. */
export interface TableSource extends UiSource {
  /** Looks again and again until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Whoever has not asked for so long has closed the page. */
const forgottenAfterMillis = 15_000;
/** Lags cost a read of each shard, of five a second for all of its readers: so many looks at the table for one at the lags. */
const looksPerLag = 2;
/** Moves that are kept. */
const mostMoves = 100;

/**
 * Makes a source of the page out of an application's lease table. It has looked once when it resolves, so that a table or
 * stream that is missing is told then.
 * @throws what `createAdmin` and its `lag` throw
 */
export async function createTableSource(options: TableSourceOptions, signal: AbortSignal): Promise<TableSource> {
  const view = new TableView(options, createAdmin(options.application), systemClock);
  await view.look(signal);
  return view;
}

class TableView implements TableSource {
  readonly notice =
    'Seen from the lease table alone: batches, rates and errors are known to the workers, each of which can serve a page of its own.';
  readonly #options: TableSourceOptions;
  readonly #admin: Admin;
  readonly #clock: Clock;
  readonly #sinceMillis = new Map<string, number>();
  #empty: Snapshot;
  #snapshot: Snapshot;
  #leases: readonly LeaseView[] = [];
  #lags: ReadonlyMap<string, number> = new Map();
  #moves: readonly LeaseMove[] = [];
  #looks = 0;
  #askedAtMillis: number;

  constructor(options: TableSourceOptions, admin: Admin, clock: Clock) {
    this.#options = options;
    this.#admin = admin;
    this.#clock = clock;
    this.#empty = emptySnapshot(options.application.applicationName);
    this.#snapshot = this.#empty;
    this.#askedAtMillis = clock.monotonicMillis();
  }

  snapshot(): Snapshot {
    this.#askedAtMillis = this.#clock.monotonicMillis();
    return this.#snapshot;
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      while (await pause(this.#clock, this.#options.intervalMillis, signal)) {
        const isForgotten = this.#clock.monotonicMillis() - this.#askedAtMillis > forgottenAfterMillis;
        if (!isForgotten) await this.look(signal).catch(this.#options.onFault);
      }
    } finally {
      await this.#admin[Symbol.asyncDispose]();
    }
  }

  async look(signal: AbortSignal): Promise<void> {
    const { application } = this.#options;
    const isLagDue = this.#looks % looksPerLag === 0;
    const [leases, shards, lags] = await Promise.all([
      this.#admin.leases(),
      listShards(application, signal),
      isLagDue ? this.#admin.lag() : undefined,
    ]);
    this.#looks += 1;
    if (lags !== undefined) this.#lags = new Map(lags.map((one) => [one.shardId, one.millisBehindLatest]));
    this.#notice(leases);
    this.#leases = leases;
    this.#snapshot = this.#made(shards);
  }

  /** What has changed hands since the last look. */
  #notice(leases: readonly LeaseView[]): void {
    const atMillis = this.#clock.wallMillis();
    const before = new Map(this.#leases.map((lease) => [lease.shardId, lease]));
    const moves: LeaseMove[] = [];
    for (const lease of leases) {
      const { shardId, leaseOwner } = lease;
      const earlier = before.get(shardId);
      if (earlier !== undefined && earlier.leaseOwner === leaseOwner) continue;
      this.#sinceMillis.set(shardId, atMillis);
      if (this.#looks <= 1 && earlier === undefined) continue;
      moves.push({
        atMillis,
        leaseKey: shardId,
        streamName: this.#streamName,
        kind: earlier === undefined ? 'created' : leaseOwner === undefined ? 'released' : 'assigned',
        from: earlier?.leaseOwner ?? null,
        to: leaseOwner ?? null,
        reason: null,
      });
    }
    this.#moves = [...moves, ...this.#moves].slice(0, mostMoves);
  }

  get #streamName(): string {
    const { streamName, streamArn } = this.#options.application as { streamName?: string; streamArn?: string };
    return streamName ?? streamArn?.split('/').at(-1) ?? '';
  }

  #made(shards: readonly ShardView[]): Snapshot {
    const { application } = this.#empty;
    const owners = new Set(this.#leases.flatMap(({ leaseOwner }) => (leaseOwner === undefined ? [] : [leaseOwner])));
    return {
      ...this.#empty,
      version: this.#looks,
      takenAtMillis: this.#clock.wallMillis(),
      application: {
        ...application,
        status: owners.size > 0 ? 'running' : 'stopped',
        otherWorkers: [...owners].toSorted(),
      },
      shards: this.#shardsOf(shards),
      leases: this.#leases.map((lease) => this.#leaseOf(lease)),
      moves: this.#moves,
    };
  }

  #shardsOf(shards: readonly ShardView[]): readonly ShardOfPage[] {
    const listed = new Map(shards.map((shard) => [shard.shardId, shard]));
    const children = new Map<string, string[]>();
    for (const { shardId, parentShardIds } of shards) {
      for (const parent of parentShardIds) children.set(parent, [...(children.get(parent) ?? []), shardId]);
    }
    return this.#leases.map((lease) => {
      const { shardId, leaseOwner, checkpoint, isEnded } = lease;
      return {
        ...nothingMeasured,
        shardId,
        streamName: this.#streamName,
        parents: listed.get(shardId)?.parentShardIds ?? [],
        children: children.get(shardId) ?? [],
        owner: leaseOwner ?? null,
        state: isEnded ? 'ended' : leaseOwner === undefined ? 'free' : 'held',
        position: checkpoint,
        millisBehindLatest: this.#lags.get(shardId) ?? null,
      };
    });
  }

  #leaseOf({ shardId, leaseOwner, checkpoint, handoffTo }: LeaseView): LeaseOfPage {
    return {
      leaseKey: shardId,
      streamName: this.#streamName,
      owner: leaseOwner ?? null,
      isMine: false,
      tenure: null,
      checkpoint,
      movingTo: handoffTo ?? null,
      sinceMillis: this.#sinceMillis.get(shardId) ?? this.#clock.wallMillis(),
    };
  }
}

/** What only the worker that reads a shard knows of it. */
const nothingMeasured = {
  receiverId: 0,
  tenure: null,
  positionAtMillis: null,
  readThrough: null,
  lastReadAtMillis: null,
  recordsPerSecond: 0,
  bytesPerSecond: 0,
  readsPerSecond: 0,
  records: 0,
  bytes: 0,
  reads: 0,
  throttles: 0,
  lastThrottledAtMillis: null,
  stuck: null,
  lastError: null,
} as const;
