import { linkedController } from '../base/abort.ts';
import { type Clock, pause } from '../base/clock.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { EventSink } from '../event/bus.ts';
import { FleetAges } from './ages.ts';
import { ensureAlone, findIntruder, notAlone } from './alone-check.ts';
import { Discoverer } from './discoverer.ts';
import { LeaderElector } from './leader-elector.ts';
import { LeadershipLoop } from './leadership-loop.ts';
import type { Lease, WorkerRow } from './lease.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LeaseTable, TableSnapshot } from './lease-table.ts';
import { evictLease } from './lease-write.ts';
import { planRelease } from './plan/release-plan.ts';
import type { StreamIdentity } from './plan/shard-sync-plan.ts';
import { type AssignmentOptions, type AssignmentPlan, defaultAssignmentOptions } from './plan/utilization-types.ts';
import type { ShardSyncer } from './shard-syncer.ts';
import { checkStream } from './stream-check.ts';
import { WorkerReporter } from './worker-reporter.ts';

/** The longest time between two reports of a worker. */
const maximumReportIntervalMillis = 5_000;
/** How often a worker that needs the whole picture (a bounded run, a plan of application scope) looks at the table. */
const viewIntervalMillis = 1_000;

/** What a {@link LeaseCoordinator} needs. */
export interface LeaseCoordinatorOptions {
  readonly table: LeaseTable;
  readonly keeper: LeaseKeeper;
  readonly syncer: ShardSyncer;
  readonly stream: StreamIdentity & { readonly streamName: string };
  readonly plan: AssignmentPlan;
  readonly applicationName: string;
  readonly workerIdentifier: string;
  readonly failoverTimeMillis: number;
  readonly leaseDiscoveryIntervalMillis: number;
  readonly maxLeasesForWorker: number;
  /** Whether this worker must be the only one of its application. */
  readonly exclusive: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** The figures to report: the last averages of this worker's load. */
  readonly measurements: () => Pick<WorkerRow, 'metrics' | 'operatingRange'>;
  /** A tenure has begun: read from the checkpoint of this row. */
  readonly onGained: (lease: Lease) => void;
  /** What a scan found; given only by a worker that asks for it with `needsView`. */
  readonly onSnapshot: (snapshot: TableSnapshot, liveWorkers: readonly string[]) => void;
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
  readonly #loops = linkedController();
  #running: Promise<unknown> = Promise.resolve();
  /** Whether this worker's row was written: before that, a stop has nothing to undo. */
  #joined = false;
  #mayLead = true;
  /** Whether this worker led until it stopped, and so knows which of the others live. */
  #knowsFleet = false;

  constructor(options: LeaseCoordinatorOptions) {
    this.#options = options;
    this.#ages = new FleetAges(options.failoverTimeMillis);
    this.#reporter = new WorkerReporter(options);
    this.#discoverer = new Discoverer(options);
    this.#elector = new LeaderElector({
      ...options,
      mayLead: () => this.#mayLead,
      onChange: () => this.#leadership.wake(),
    });
    this.#leadership = new LeadershipLoop({
      ...options,
      options: this.#assignmentOptions,
      ages: this.#ages,
      elector: this.#elector,
      onGivenToMe: (leaseKey, signal) => this.#discoverer.begin(leaseKey, signal),
      onHandoffFromMe: (leaseKey) => options.keeper.renewSoon(leaseKey),
    });
  }

  get #assignmentOptions(): AssignmentOptions {
    const { failoverTimeMillis, maxLeasesForWorker } = this.#options;
    return { ...defaultAssignmentOptions, failoverTimeMillis, maxLeasesForWorker };
  }

  /**
   * Opens the table, makes sure that it is this stream's and that this worker may join, and reports itself. A worker that
   * finds nobody leading leads at once, and gives every shard its lease.
   * @throws MillraceError `MR_TABLE_FOREIGN`, `MR_TABLE_KIND`, `MR_STREAM_CHANGED`, `MR_ENGINE_NOT_ALONE`, or the fault
   * that went on for 30 s
   */
  async start(signal: AbortSignal): Promise<{ readonly tableCreated: boolean }> {
    const { table, stream } = this.#options;
    const { created, coordination } = await this.#persist(() => table.open(signal), signal);
    this.#mayLead = coordination.mayLead;
    const before = await this.#persist(() => table.scan(signal), signal);
    checkStream(before.leases, stream);
    await this.#persist(() => ensureAlone(this.#options, signal), signal);
    this.#joined = true;
    await this.#persist(() => this.#reporter.report(signal), signal);
    return { tableCreated: created };
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
    const { failoverTimeMillis, leaseDiscoveryIntervalMillis, exclusive, needsView } = this.#options;
    const reportMillis = Math.min(maximumReportIntervalMillis, failoverTimeMillis / 3);
    const loops = [
      this.#loop(reportMillis, 'later', (inner) => this.#reporter.report(inner), linked.signal),
      this.#loop(leaseDiscoveryIntervalMillis, 'now', (inner) => this.#discoverer.look(inner), linked.signal),
      this.#elector.run(linked.signal),
      this.#leadership.run(linked.signal),
    ];
    if (exclusive || needsView) {
      loops.push(this.#loop(viewIntervalMillis, 'now', (inner) => this.#view(inner), linked.signal));
    }
    this.#running = Promise.allSettled(loops);
    try {
      await Promise.all(loops);
    } finally {
      this.#loops.abort(new MillraceError('MR_ABORTED', 'the lease loops have ended'));
    }
  }

  async #loop(
    intervalMillis: number,
    first: 'now' | 'later',
    action: (signal: AbortSignal) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    let wait = first === 'later';
    while (!signal.aborted) {
      if (wait && !(await pause(clock, intervalMillis, signal))) return;
      wait = true;
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

  /** The whole picture, for those who need it beside the leader. It has ages of its own, since the leader's may be ahead. */
  async #view(signal: AbortSignal): Promise<void> {
    const { table, clock, failoverTimeMillis, workerIdentifier, onSnapshot } = this.#options;
    const snapshot = await table.scan(signal);
    const now = clock.monotonicMillis();
    this.#viewAges ??= new FleetAges(failoverTimeMillis);
    const observed = this.#viewAges.observe(snapshot.leases, snapshot.workers, now);
    const seen = this.#viewAges.liveWorkers(observed, snapshot.workers, failoverTimeMillis, now);
    const live = [...new Set([...seen, workerIdentifier])].sort();
    const intruder = findIntruder(this.#options, live, snapshot);
    if (intruder !== undefined) throw notAlone(this.#options, intruder);
    onSnapshot(snapshot, live);
  }

  #viewAges: FleetAges | undefined;

  /** Something changed in the table by this worker's own doing, such as new leases of children: the leader looks at once. */
  wake(): void {
    this.#leadership.wake();
  }

  /** First step of a stop: no more reports, no more leases, no more leading. Others stop counting on this worker. */
  async stopTaking(signal: AbortSignal): Promise<void> {
    this.#loops.abort(new MillraceError('MR_ABORTED', 'the worker is stopping'));
    await this.#running;
    if (!this.#joined) return;
    this.#knowsFleet = this.#elector.isLeader;
    await this.#attempt(() => this.#reporter.withdraw(signal));
    await this.#attempt(() => this.#elector.resign(signal));
  }

  /**
   * Last step of a stop: releases every lease that this worker may write, found by one more consistent scan. A worker that
   * led knows who lives, and gives each to the worker that the assign plan names; any other clears the owner, which
   * the leader notices within a second. A handoff that had begun is completed instead.
   */
  async releaseAll(signal: AbortSignal): Promise<void> {
    if (!this.#joined) return;
    await this.#attempt(async () => {
      const { table, keeper, workerIdentifier, plan, clock, random } = this.#options;
      const snapshot = await this.#persist(() => table.scan(signal), signal);
      const nowMillis = clock.monotonicMillis();
      const leases = this.#ages.observe(snapshot.leases, snapshot.workers, nowMillis);
      const workers = this.#knowsFleet ? this.#leadership.takers(snapshot) : [];
      const input = { leases, workers, options: this.#assignmentOptions, nowMillis, random };
      await Promise.all(
        planRelease(plan, input, workerIdentifier).map(async ({ lease, to }) => {
          const tenure = keeper.held.find((other) => other.leaseKey === lease.leaseKey)?.tenure;
          const { leaseKey } = lease;
          if (tenure === undefined) {
            // Assigned at the last moment, never begun: nobody reads it, so it may go at once.
            await this.#persist(() => table.write(evictLease(lease), signal), signal);
          } else await keeper.ask({ type: 'release', leaseKey, tenure, ...(to === undefined ? {} : { to }) });
        }),
      );
    });
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
