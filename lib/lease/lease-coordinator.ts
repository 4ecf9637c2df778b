import { linkedController } from '../base/abort.ts';
import { type Clock, pause } from '../base/clock.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { EventSink } from '../event/bus.ts';
import { FleetAges } from './ages.ts';
import { ensureAlone } from './alone-check.ts';
import { Discoverer } from './discoverer.ts';
import { FleetView, viewIntervalMillis } from './fleet-view.ts';
import { LeaderElector } from './leader-elector.ts';
import { LeadershipLoop } from './leadership-loop.ts';
import type { Lease } from './lease.ts';
import type { Keeper } from './keeper.ts';
import { LeaseReleaser } from './lease-releaser.ts';
import type { LeaseTable, TableSnapshot } from './lease-table.ts';
import type { StreamIdentity } from './plan/shard-sync-plan.ts';
import type { AssignmentOptions, AssignmentPlan } from './plan/utilization-types.ts';
import type { ShardSyncer } from './shard-syncer.ts';
import { checkStream } from './stream-check.ts';
import { type Measurements, WorkerReporter, reportIntervalOf } from './worker-reporter.ts';

/** When a worker reports for the second time. */
const earlyReportMillis = 1_000;
/** How often a worker asks whether a Java fleet has begun or ended to migrate its tables. */
const coordinationIntervalMillis = 30_000;

/** What a {@link LeaseCoordinator} needs. */
export interface LeaseCoordinatorOptions {
  readonly table: LeaseTable;
  readonly keeper: Keeper;
  readonly syncer: ShardSyncer;
  readonly stream: StreamIdentity & { readonly streamName: string };
  readonly plan: AssignmentPlan;
  /** The limits of the plan; its `failoverTimeMillis` is F. */
  readonly assignment: AssignmentOptions;
  readonly applicationName: string;
  readonly workerIdentifier: string;
  readonly failoverTimeMillis: number;
  readonly leaseDiscoveryIntervalMillis: number;
  /** See {@link LeadershipLoopOptions}. */
  readonly shardSyncIntervalMillis?: number;
  readonly cleanupLeasesUponShardCompletion?: boolean;
  /** Whether this worker must be the only one of its application. */
  readonly exclusive: boolean;
  /** Workers of the same process; see `ensureAlone`. */
  readonly companions?: ReadonlySet<string>;
  /** Whether this worker takes the lock and every lease at once; see `takingOver`. Default false. */
  readonly takesOver?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** The figures to report: the last averages of this worker's load. */
  readonly measurements: () => Measurements;
  /** A tenure has begun: read from the checkpoint of this row. */
  readonly onGained: (lease: Lease) => void;
  /**
   * What a look at the whole table showed, and the other workers that this one has itself seen alive; regularly only for
   * a worker that asks for it with `needsView`.
   */
  readonly onSnapshot: (snapshot: TableSnapshot, provenWorkers: readonly string[]) => void;
  readonly needsView: boolean;
}

/**
 * Joins the lease loops of one worker: report, discover, elect, and lead when elected. Only the leader assigns, by KCL 3's
 * rules; every worker finds what it was given by the owner index.
 */
export class LeaseCoordinator {
  readonly #options: LeaseCoordinatorOptions;
  readonly #ages: FleetAges;
  readonly #reporter: WorkerReporter;
  readonly #discoverer: Discoverer;
  readonly #elector: LeaderElector;
  readonly #leadership: LeadershipLoop;
  readonly #view: FleetView;
  readonly #releaser: LeaseReleaser;
  readonly #loops = linkedController();
  #running: Promise<unknown> = Promise.resolve();
  /** Whether this worker's row was written: before that, a stop has nothing to undo. */
  #joined = false;
  #mayLead = true;

  constructor(options: LeaseCoordinatorOptions) {
    this.#options = options;
    this.#ages = new FleetAges(options.failoverTimeMillis, options.assignment.gracefulLeaseHandoffTimeoutMillis);
    this.#reporter = new WorkerReporter(options);
    this.#discoverer = new Discoverer(options);
    this.#view = new FleetView({ ...options, ages: this.#ages });
    this.#elector = new LeaderElector({
      ...options,
      mayLead: () => this.#joined && this.#mayLead,
      onChange: () => this.#leadership.wake(),
    });
    this.#leadership = new LeadershipLoop({
      ...options,
      elector: this.#elector,
      onGivenToMe: (leaseKey, signal) => this.#discoverer.begin(leaseKey, signal),
      onScanned: (leases, signal) => this.#discoverer.beginOwn(leases, signal),
      onHandoffFromMe: (leaseKey) => options.keeper.renewSoon(leaseKey),
    });
    this.#releaser = new LeaseReleaser({
      ...options,
      ages: this.#ages,
      seenAlive: () => this.#leadership.seenAlive,
    });
  }

  /**
   * Opens the table, makes sure that it is this stream's and that this worker may join, reports itself, and stands for
   * election. A worker that finds nobody leading leads at once, and gives every shard its lease.
   * @throws MillraceError `MR_TABLE_FOREIGN`, `MR_TABLE_KIND`, `MR_STREAM_CHANGED`, `MR_ENGINE_NOT_ALONE`, or the fault
   * that went on for 30 s
   */
  async start(signal: AbortSignal): Promise<{ readonly tableCreated: boolean }> {
    const { table, stream } = this.#options;
    const { created, coordination } = await this.#persist(() => table.open(signal), signal);
    this.#mayLead = coordination.mayLead;
    const before = await this.#persist(() => table.scan(signal), signal);
    checkStream(before.leases, stream);
    const onWait = (snapshot: TableSnapshot) => this.#watch(snapshot, signal);
    await this.#persist(() => ensureAlone({ ...this.#options, ages: this.#ages, onWait }, signal), signal);
    this.#joined = true;
    await this.#persist(() => this.#reporter.report(signal), signal);
    await this.#persist(() => this.#discoverer.endFormerHandoffs(before.leases, signal), signal);
    await this.#persist(() => this.#view.look(signal), signal);
    await this.#persist(() => this.#elector.step(signal), signal);
    await this.#persist(() => this.#leadership.begin(signal), signal);
    return { tableCreated: created };
  }

  /**
   * While this worker waits for another to count as gone, the lock and the leases of that one grow old too: once it may
   * start, it need not wait for them again.
   */
  async #watch(snapshot: TableSnapshot, signal: AbortSignal): Promise<void> {
    this.#leadership.observe(snapshot);
    await this.#elector.step(signal);
  }

  #persist<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, random } = this.#options;
    return retryWhilePassing(action, { clock, random, signal, onFault: (fault) => this.#publishFault(fault) });
  }

  /**
   * Runs the loops until `stopTaking` or the signal.
   * @throws MillraceError the fault that ends the worker
   */
  async run(signal: AbortSignal): Promise<void> {
    using linked = linkedController(signal, this.#loops.signal);
    const { failoverTimeMillis, leaseDiscoveryIntervalMillis } = this.#options;
    const reportMillis = reportIntervalOf(failoverTimeMillis);
    const loops = [
      // The second report comes soon: others believe that a worker lives when they have seen it move.
      this.#loop(
        reportMillis,
        Math.min(earlyReportMillis, reportMillis),
        (inner) => this.#reporter.report(inner),
        linked.signal,
      ),
      this.#loop(leaseDiscoveryIntervalMillis, 0, (inner) => this.#discover(inner), linked.signal),
      this.#loop(viewIntervalMillis, 0, (inner) => this.#lookIfNeeded(inner), linked.signal),
      this.#loop(
        coordinationIntervalMillis,
        coordinationIntervalMillis,
        (inner) => this.#askCoordination(inner),
        linked.signal,
      ),
      this.#elector.run(linked.signal),
      this.#leadership.run(linked.signal),
    ];
    this.#running = Promise.allSettled(loops);
    try {
      await Promise.all(loops);
    } finally {
      this.#loops.abort(new MillraceError('MR_ABORTED', 'the lease loops have ended'));
    }
  }

  async #loop(
    intervalMillis: number,
    firstMillis: number,
    action: (signal: AbortSignal) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    for (let waitMillis = firstMillis; !signal.aborted; waitMillis = intervalMillis) {
      if (waitMillis > 0 && !(await pause(clock, waitMillis, signal))) return;
      try {
        await action(signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const fault = toMillraceError(thrown);
        if (fault.reaction === 'fatal') throw fault;
        this.#publishFault(fault);
      }
    }
  }

  /** The leader sees its own leases in its scans, and need not ask the index. */
  async #discover(signal: AbortSignal): Promise<void> {
    if (!this.#elector.isLeader) await this.#discoverer.look(signal);
  }

  async #lookIfNeeded(signal: AbortSignal): Promise<void> {
    const { needsView, exclusive } = this.#options;
    if (needsView || exclusive || this.#view.isWatchful) await this.#view.look(signal);
  }

  async #askCoordination(signal: AbortSignal): Promise<void> {
    this.#mayLead = (await this.#options.table.coordination(signal)).mayLead;
    if (!this.#mayLead) await this.#elector.resign(signal);
  }

  /** Something changed in the table by this worker's own doing, such as new leases of children: the leader looks at once. */
  wake(): void {
    this.#leadership.wake();
  }

  /** First step of a stop: no more reports, no more leases, no more leading. Others stop counting on this worker. */
  async stopTaking(signal: AbortSignal): Promise<void> {
    this.#loops.abort(new MillraceError('MR_ABORTED', 'the worker is stopping'));
    await this.#running;
    if (!this.#joined) return;
    const { clock, random, failoverTimeMillis } = this.#options;
    // Not for long: the drain waits for it, and a row or lock that stays is only believed for F more.
    const retry = { clock, random, signal, timeoutMillis: failoverTimeMillis / 4 };
    await Promise.all([
      this.#attempt(() => retryWhilePassing(() => this.#reporter.withdraw(signal), retry)),
      this.#attempt(() => retryWhilePassing(() => this.#elector.resign(signal), retry)),
      this.#attempt(() => retryWhilePassing(() => this.#releaser.look(signal), retry)),
    ]);
  }

  /** Last step of a stop: releases every lease that the table gives to this worker; see {@link LeaseReleaser}. */
  async releaseAll(signal: AbortSignal): Promise<void> {
    if (this.#joined) await this.#attempt(() => this.#releaser.releaseAll(signal));
  }

  /**
   * Gives one held lease to another worker and goes on with the others; see {@link LeaseReleaser.giveAway}. When the table
   * cannot be read it is released to nobody.
   */
  async giveAway(leaseKey: string, tenure: number, signal: AbortSignal): Promise<void> {
    await this.#attempt(() => this.#releaser.giveAway(leaseKey, signal));
    if (signal.aborted) return;
    // Still held when the look failed; otherwise this finds nothing to release.
    await this.#attempt(async () => void (await this.#options.keeper.ask({ type: 'release', leaseKey, tenure })));
    this.wake();
  }

  /** A stop goes on whatever fails: what is not released expires. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (thrown) {
      this.#publishFault(toMillraceError(thrown));
    }
  }

  #publishFault(fault: MillraceError): void {
    const { code, message, subject } = fault;
    this.#options.events.publish({ type: 'fault.seen', code, message, subject });
  }
}
