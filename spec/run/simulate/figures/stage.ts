import { type Fleet, createFleet } from '../../../../lib/testkit/fleet.ts';
import type { FleetSettings } from '../../../../lib/testkit/fleet-options.ts';
import type { FleetWorker } from '../../../../lib/testkit/fleet-worker.ts';
import { forkRandom } from '../../../../lib/testkit/fork-random.ts';
import type { Random } from '../../../../lib/base/random.ts';
import type { Lease } from '../../../../lib/lease/lease.ts';
import { isEnded } from '../../../../lib/lease/lease.ts';

/** F of all figures: the default. */
export const failoverTimeMillis = 10_000;

/** How a stage is set. */
export interface StageOptions {
  readonly seed: number;
  readonly shards: number;
  readonly workers: number;
  readonly settings?: FleetSettings;
  readonly idleTimeBetweenReadsInMillis?: number;
  /** Records a second, over all shards. */
  readonly recordsPerSecond?: number;
}

const recordBytes = 1_000;

/** A fleet under a steady load, and what is measured of it: who reads which shard since when, and what was handed out twice. */
export class Stage {
  readonly fleet: Fleet;
  readonly random: Random;
  readonly workers: readonly FleetWorker[];
  readonly #deliveries = new Map<string, number>();
  #keys = 0;
  #isFeeding = true;
  /** The shards that were ever begun. */
  readonly #begun = new Set<string>();
  /** The open shards that nobody reads, or that are on their way to another reader. */
  readonly #loose = new Set<string>();
  /** When each shard was last let go by its reader. */
  readonly #released = new Map<string, number>();
  readonly #pauses: number[] = [];
  #moves = 0;

  constructor(options: StageOptions) {
    const { seed, shards, workers, settings, recordsPerSecond = shards, idleTimeBetweenReadsInMillis } = options;
    this.random = forkRandom(seed, 'figures');
    this.fleet = createFleet({
      seed,
      shards,
      keepLines: 0,
      ...(settings === undefined ? {} : { settings }),
      consumer: ({ records }) => {
        for (const { shardId, sequenceNumber } of records) {
          const key = `${shardId} ${sequenceNumber}`;
          this.#deliveries.set(key, (this.#deliveries.get(key) ?? 0) + 1);
        }
      },
    });
    const { table } = this.fleet;
    const observe = table.observe;
    table.observe = (change) => {
      observe(change);
      if (change.kind === 'lease') this.#note(change.before, change.after);
    };
    this.#feed(recordsPerSecond);
    const pace = idleTimeBetweenReadsInMillis === undefined ? {} : { idleTimeBetweenReadsInMillis };
    this.workers = Array.from({ length: workers }, (_, index) => this.fleet.start(`worker-${index + 1}`, pace));
  }

  /** Puts records at a steady rate until the stage is left. */
  #feed(perSecond: number): void {
    if (!this.#isFeeding || perSecond === 0) return;
    const beatMillis = 200;
    const count = Math.max(1, Math.round((perSecond * beatMillis) / 1_000));
    for (let index = 0; index < count; index += 1) {
      this.#keys += 1;
      this.fleet.put(`key ${this.#keys}`, 'x'.repeat(recordBytes));
    }
    this.fleet.clock.timer((count / perSecond) * 1_000, () => this.#feed(perSecond));
  }

  #note(before: Lease | undefined, after: Lease | undefined): void {
    if (after === undefined) {
      this.#loose.delete(before?.leaseKey ?? '');
      return;
    }
    const now = this.nowMillis;
    const reader = before === undefined ? undefined : readerOf(before);
    const next = readerOf(after);
    if (before !== undefined && reader !== undefined && reader !== next) this.#released.set(after.leaseKey, now);
    if (before !== undefined && after.leaseOwner !== undefined && before.leaseOwner !== after.leaseOwner)
      this.#moves += 1;
    if (after.tenure !== undefined && after.tenure !== before?.tenure) {
      const released = this.#released.get(after.leaseKey);
      if (released !== undefined) this.#pauses.push(now - released);
      this.#released.delete(after.leaseKey);
      this.#begun.add(after.leaseKey);
    }
    const isRead = this.#begun.has(after.leaseKey) && !this.#released.has(after.leaseKey);
    const isHeld = isRead && after.leaseOwner !== undefined && after.checkpointOwner === undefined;
    if (isHeld || isEnded(after)) this.#loose.delete(after.leaseKey);
    else this.#loose.add(after.leaseKey);
  }

  get nowMillis(): number {
    return this.fleet.clock.monotonicMillis();
  }

  /** How often a lease got another owner. */
  get moves(): number {
    return this.#moves;
  }

  /** The longest time between a reader that let a shard go and the next one that began. */
  get longestPauseMillis(): number {
    return Math.max(0, ...this.#pauses);
  }

  /** Records that were handed out more than once. */
  get repeated(): number {
    return [...this.#deliveries.values()].filter((times) => times > 1).length;
  }

  /** Whether any record was handed out. */
  get hasDelivered(): boolean {
    return this.#deliveries.size > 0;
  }

  /** Forgets what was measured so far. */
  reset(): void {
    this.#moves = 0;
    this.#pauses.length = 0;
    this.#deliveries.clear();
  }

  /** The leases that are not read to their end. */
  get open(): readonly Lease[] {
    return this.fleet.table.rows.filter((row) => !isEnded(row));
  }

  /** Whether each open lease was begun by its owner, one of those that live. Asked after every event, so it is quick to say no. */
  get isHeld(): boolean {
    if (this.#loose.size > 0) return false;
    const alive = new Set(this.fleet.workers.filter((worker) => worker.isRunning).map(({ name }) => name));
    const { open } = this;
    return open.length > 0 && open.every(({ leaseOwner }) => leaseOwner !== undefined && alive.has(leaseOwner));
  }

  /** Waits until every lease is held and the fleet has had time to balance, and then for a random part of a heartbeat. */
  async settle(): Promise<void> {
    await this.fleet.runUntil(() => this.isHeld, 600_000);
    await this.fleet.advance(30_000 + Math.floor(this.random.next() * failoverTimeMillis));
    await this.fleet.runUntil(() => this.isHeld, 600_000);
  }

  /** The worker that leads. */
  async leader(): Promise<FleetWorker> {
    const lock = await this.fleet.table.readLock(new AbortController().signal);
    const leader = this.fleet.workers.find((worker) => worker.isRunning && worker.name === lock?.ownerName);
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  }

  /** How long it takes until every lease is held by a worker that lives. */
  async untilHeld(): Promise<number> {
    const begunAt = this.nowMillis;
    await this.fleet.runUntil(() => this.isHeld, 600_000);
    return this.nowMillis - begunAt;
  }

  /** Ends the load and the workers, so that nothing is left on the clock. */
  async leave(): Promise<void> {
    this.#isFeeding = false;
    for (const worker of this.fleet.workers) if (worker.isRunning) worker.kill();
    await this.fleet.advance(1);
  }
}

/** Who reads a shard: the old owner as long as a handoff is pending. */
export function readerOf(lease: Lease): string | undefined {
  return lease.checkpointOwner ?? lease.leaseOwner;
}
