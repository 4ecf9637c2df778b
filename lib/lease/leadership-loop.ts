import { linkedController } from '../base/abort.ts';
import { type MillraceError, toMillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import { FleetAges } from './ages.ts';
import { Assigner, type AssignerOptions, workerViews } from './assigner.ts';
import type { LeaderElector } from './leader-elector.ts';
import { LeaseCleaner } from './lease-cleaner.ts';
import type { TableSnapshot } from './lease-table.ts';
import { type Lease, isEnded, reportOf } from './lease.ts';
import { isExpired } from './plan/free-lease.ts';
import type { StreamIdentity } from './plan/shard-sync-plan.ts';
import { ThroughputMemory } from './plan/throughput-memory.ts';
import { MoveMemory } from './plan/utilization-moves.ts';
import type { ObservedLease, WorkerView } from './plan/utilization-types.ts';
import { ShardAuditor } from './shard-auditor.ts';
import type { ShardSyncer } from './shard-syncer.ts';
import { checkStream } from './stream-check.ts';

/** KCL's default of its option of this name. */
const defaultShardSyncIntervalMillis = 60_000;
/** KCL's `leaseCleanupIntervalMillis`. */
const leaseCleanupIntervalMillis = 60_000;
/** How often the leader looks for holes in what it scans anyway (KCL: 2 minutes). */
const auditIntervalMillis = 10_000;
/** The wait after a pass that failed. */
const faultPauseMillis = 250;
/** KCL's limit: as many passes that fail in a row make a leader resign. Here they also last for F, since passes are quick. */
const mostFailedPasses = 3;
/** How long one that has resigned leaves the lock to others, who look at it every second. */
const standAsideMillis = 3_000;
/** A row of about 430 bytes; an eventually consistent read unit brings 8 KB. */
const rowsPerReadUnit = 19;
/** What a small application may spend on scans whatever its heartbeats cost: four read units a second. */
const freeUnitsPerMilli = 4 / 1_000;
/** How many F a worker's row may stand still before the leader removes it. One that comes back writes it anew. */
const silentRowFailovers = 3;

/** What a {@link LeadershipLoop} needs. */
export interface LeadershipLoopOptions extends Omit<AssignerOptions, 'isLeader' | 'ages'> {
  readonly elector: LeaderElector;
  readonly syncer: ShardSyncer;
  readonly stream: StreamIdentity;
  readonly failoverTimeMillis: number;
  /** Told of the leases of each of the leader's scans. */
  readonly onScanned: (leases: readonly Lease[], signal: AbortSignal) => Promise<void>;
  /** How often leases and shards are compared; 60,000 by default. */
  readonly shardSyncIntervalMillis?: number;
  /** Whether the leases of shards that were read to their end are deleted; true by default. */
  readonly cleanupLeasesUponShardCompletion?: boolean;
}

/** What one scan showed, and the monotonic time before it: what its ages are judged by. */
interface Look {
  readonly snapshot: TableSnapshot;
  readonly observed: readonly ObservedLease[];
  readonly askedAtMillis: number;
}

/**
 * What the leader does, and what a candidate does when the leader may be gone: it remembers the ages of leases, so that it
 * need not wait another F once elected.
 */
export class LeadershipLoop {
  readonly #options: LeadershipLoopOptions;
  /** Apart from those of consistent looks: an older answer after a newer one would look like a change. */
  readonly #ages: FleetAges;
  readonly #moves = new MoveMemory();
  readonly #throughput = new ThroughputMemory();
  readonly #assigner: Assigner;
  readonly #auditor: ShardAuditor;
  readonly #cleaner: LeaseCleaner;
  readonly #changed = new Notifier();
  #isWoken = false;
  #last: TableSnapshot | undefined;
  #wasLeader = false;
  /** Passes as the leader that failed in a row, and when the first of them did. */
  #failures = { count: 0, sinceMillis: 0 };
  #syncedAtMillis = 0;
  #auditedAtMillis = 0;
  #cleanedAtMillis = 0;
  #live: readonly string[] = [];

  constructor(options: LeadershipLoopOptions) {
    const isLeader = () => options.elector.isLeader;
    this.#options = options;
    this.#ages = new FleetAges(options.failoverTimeMillis, options.assignment.gracefulLeaseHandoffTimeoutMillis);
    this.#assigner = new Assigner({ ...options, ages: this.#ages, isLeader });
    this.#auditor = new ShardAuditor({ ...options, isLeader });
    this.#cleaner = new LeaseCleaner({ ...options, isLeader });
  }

  /** Makes the loop look at once instead of at its next turn. */
  wake(): void {
    this.#isWoken = true;
    this.#changed.notify();
  }

  /**
   * Notes what this worker has seen elsewhere, before it looks for itself: a worker that was found dead at the start is
   * not new to a leader. Only for the time before `run`, since those looks are consistent.
   */
  observe({ leases, workers }: TableSnapshot): void {
    this.#ages.observe(leases, workers, this.#options.clock.monotonicMillis());
  }

  /** Takes up the leadership if this worker was elected: gives every shard its lease. Does nothing for a follower. */
  async begin(signal: AbortSignal): Promise<void> {
    const { elector, clock } = this.#options;
    if (!elector.isLeader || this.#wasLeader) return;
    if (!(await this.#sync(signal))) return;
    this.#wasLeader = true;
    if (elector.predecessor !== undefined) this.#ages.distrust(elector.predecessor);
    this.#assigner.restart();
    this.#syncedAtMillis = clock.monotonicMillis();
  }

  /**
   * Gives every shard its lease; `false` where the lock was too old at one of the writes, so that some may lack theirs:
   *
   *   1. a leader is about to create the leases of a new application, and its last heartbeat is older than F: it creates none
   *   2. the answer of its next heartbeat comes, and it is the leader as before
   *   3. it would look at the shards again after `shardSyncIntervalMillis`, and nobody reads until then
   */
  async #sync(signal: AbortSignal): Promise<boolean> {
    const { elector, syncer } = this.#options;
    let isWhole = true;
    await syncer.sync(signal, () => {
      const { isLeader } = elector;
      isWhole &&= isLeader;
      return isLeader;
    });
    return isWhole;
  }

  /**
   * Runs until the signal aborts.
   * @throws MillraceError a fault that does not pass
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#isWoken = false;
      let waitMillis: number;
      try {
        waitMillis = await this.#pass(signal);
        this.#failures = { count: 0, sinceMillis: 0 };
      } catch (thrown) {
        if (signal.aborted) return;
        const fault = toMillraceError(thrown);
        if (fault.reaction === 'fatal') throw fault;
        this.#publishFault(fault);
        waitMillis = faultPauseMillis;
        await this.#resignIfFailing(fault, signal);
      }
      await this.#wait(waitMillis, signal);
    }
  }

  /**
   * A leader that cannot do its work keeps others from it, since its heartbeats go on: a zombie (KCL's issue #1669). Another
   * worker may reach what this one does not; where there is none, it takes the lock again.
   */
  async #resignIfFailing(fault: MillraceError, signal: AbortSignal): Promise<void> {
    const { elector, clock, events, failoverTimeMillis, workerIdentifier } = this.#options;
    if (!elector.isLeader) {
      this.#failures = { count: 0, sinceMillis: 0 };
      return;
    }
    const now = clock.monotonicMillis();
    const { count, sinceMillis } = this.#failures;
    this.#failures = { count: count + 1, sinceMillis: count === 0 ? now : sinceMillis };
    const forMillis = Math.round(now - this.#failures.sinceMillis);
    if (this.#failures.count < mostFailedPasses || forMillis < failoverTimeMillis) return;
    const { code, message } = fault;
    events.publish({
      type: 'leader.resigned',
      workerIdentifier,
      failedPasses: this.#failures.count,
      forMillis,
      code,
      message,
    });
    this.#failures = { count: 0, sinceMillis: 0 };
    try {
      await elector.resign(signal, standAsideMillis);
    } catch (thrown) {
      // The lock is not heartbeaten any more, and expires.
      if (!signal.aborted) this.#publishFault(toMillraceError(thrown));
    }
  }

  async #wait(millis: number, signal: AbortSignal): Promise<void> {
    if (this.#isWoken) return;
    using woken = linkedController(signal);
    const cancel = this.#options.clock.timer(millis, () => woken.abort('time is up'));
    await this.#changed.wait(woken.signal);
    cancel();
  }

  /** One turn; answers how long to wait for the next. */
  async #pass(signal: AbortSignal): Promise<number> {
    const { elector, clock } = this.#options;
    if (!elector.isLeader) {
      this.#wasLeader = false;
      if (!elector.isSuccessionNear) return this.#periodMillis(1);
      return this.#periodMillis((await this.#look(signal)).observed.length);
    }
    await this.begin(signal);
    if (!this.#wasLeader) return this.#periodMillis(1);
    const look = await this.#look(signal);
    this.#tellWorkers(look);
    await this.#removeSilentRows(look, signal);
    await this.#tellScanned(look.snapshot.leases, signal);
    await this.#assigner.assign(look.observed, this.#takers(look), look.askedAtMillis, signal);
    await this.#maintain(look.snapshot, signal);
    const expiryMillis = this.#assigner.earliestExpiryMillis(look.observed, look.askedAtMillis);
    const untilExpiry = expiryMillis + 1 - clock.monotonicMillis();
    return Math.max(1, Math.min(this.#periodMillis(look.observed.length), untilExpiry));
  }

  /** A lease of this worker's own that cannot be begun must not keep the leader from its work. */
  async #tellScanned(leases: readonly Lease[], signal: AbortSignal): Promise<void> {
    try {
      await this.#options.onScanned(leases, signal);
    } catch (thrown) {
      const fault = toMillraceError(thrown);
      if (signal.aborted || fault.reaction === 'fatal') throw fault;
      this.#publishFault(fault);
    }
  }

  /** The workers that this one has itself seen alive within F in its scans, which it makes as the leader only. */
  get seenAlive(): readonly string[] {
    if (this.#last === undefined) return [];
    const { leases, workers } = this.#last;
    return this.#ages.provenWorkers(leases, workers, this.#options.clock.monotonicMillis());
  }

  async #look(signal: AbortSignal): Promise<Look> {
    const { table, stream, clock } = this.#options;
    const askedAtMillis = clock.monotonicMillis();
    const scanned = await table.scan(signal, 'eventual');
    checkStream(scanned.leases, stream);
    const snapshot = { ...scanned, leases: this.#throughput.observe(scanned.leases, askedAtMillis) };
    const observed = this.#ages.observe(snapshot.leases, snapshot.workers, clock.monotonicMillis());
    this.#last = snapshot;
    return { snapshot, observed, askedAtMillis };
  }

  /**
   * The workers that may be given leases, with what is known of their load: those that report and have let nothing expire
   * since, and this one.
   */
  #takers({ snapshot, observed, askedAtMillis }: Look): readonly WorkerView[] {
    const { workerIdentifier, assignment } = this.#options;
    for (const one of observed) {
      const holder = one.lease.checkpointOwner ?? one.lease.leaseOwner;
      if (holder !== undefined && !isEnded(one.lease) && isExpired(one, assignment, askedAtMillis)) {
        this.#ages.distrust(holder);
      }
    }
    const reporting = this.#ages.reportingWorkers(snapshot.workers, askedAtMillis);
    const views = workerViews(snapshot, [...new Set([...reporting, workerIdentifier])].sort());
    const marks = new Map(snapshot.workers.map((row) => [row.workerIdentifier, reportOf(row)]));
    const seen = this.#moves.observe(
      snapshot.leases,
      views.map((view) => ({ ...view, reportMark: marks.get(view.workerIdentifier) ?? 0 })),
    );
    const proven = new Set([
      ...this.#ages.provenWorkers(snapshot.leases, snapshot.workers, askedAtMillis),
      workerIdentifier,
    ]);
    return seen.map((view) => ({ ...view, isProven: proven.has(view.workerIdentifier) }));
  }

  async #removeSilentRows({ snapshot, askedAtMillis }: Look, signal: AbortSignal): Promise<void> {
    const { table, elector } = this.#options;
    for (const row of this.#ages.silentWorkers(snapshot.workers, silentRowFailovers, askedAtMillis)) {
      if (elector.isLeader) await table.deleteWorker(row, signal);
    }
  }

  async #maintain(snapshot: TableSnapshot, signal: AbortSignal): Promise<void> {
    const { clock, cleanupLeasesUponShardCompletion = true } = this.#options;
    const { shardSyncIntervalMillis = defaultShardSyncIntervalMillis } = this.#options;
    const now = clock.monotonicMillis();
    if (now - this.#syncedAtMillis >= shardSyncIntervalMillis) {
      const before = this.#syncedAtMillis;
      this.#syncedAtMillis = now;
      if (!(await this.#sync(signal))) this.#syncedAtMillis = before;
    }
    if (now - this.#auditedAtMillis >= auditIntervalMillis) {
      this.#auditedAtMillis = now;
      await this.#auditor.audit(snapshot.leases, signal);
    }
    if (cleanupLeasesUponShardCompletion && now - this.#cleanedAtMillis >= leaseCleanupIntervalMillis) {
      this.#cleanedAtMillis = now;
      await this.#cleaner.clean(snapshot.leases, signal);
    }
  }

  /**
   * A second, or F/4 when that is shorter; stretched to F/4 where scans would cost more than a part of what the heartbeats of the
   * leases do. With the looks at the lock and at the index, all reads stay under a quarter of them.
   */
  #periodMillis(leases: number): number {
    const { failoverTimeMillis } = this.#options;
    const units = Math.max(0.5, leases / rowsPerReadUnit);
    const writesPerMilli = (leases * 3) / failoverTimeMillis;
    const affordableMillis = units / Math.max(writesPerMilli / 7.5, freeUnitsPerMilli);
    return Math.min(failoverTimeMillis / 4, Math.max(Math.min(1_000, failoverTimeMillis / 4), affordableMillis));
  }

  #tellWorkers({ snapshot, observed, askedAtMillis }: Look): void {
    const { events, workerIdentifier: own } = this.#options;
    const live = this.#ages.liveWorkers(observed, snapshot.workers, askedAtMillis).filter((worker) => worker !== own);
    for (const workerIdentifier of live) {
      if (!this.#live.includes(workerIdentifier)) events.publish({ type: 'worker.joined', workerIdentifier });
    }
    for (const workerIdentifier of this.#live) {
      if (!live.includes(workerIdentifier)) events.publish({ type: 'worker.left', workerIdentifier });
    }
    this.#live = live;
  }

  #publishFault(fault: MillraceError): void {
    const { code, message, subject } = fault;
    this.#options.events.publish({ type: 'fault.seen', code, message, subject });
  }
}
