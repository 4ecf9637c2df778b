import { deadlineController, linkedController } from '../base/abort.ts';
import { type Clock, pause } from '../base/clock.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { EventSink } from '../event/bus.ts';
import { FleetAges } from './ages.ts';
import { ensureAlone, findIntruder, notAlone } from './alone-check.ts';
import type { Lease } from './lease.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LeaseTable, TableSnapshot, WriteOutcome } from './lease-table.ts';
import { type LeaseWrite, assignLease, evictLease } from './lease-write.ts';
import type { AssignPlan, Move, ObservedLease } from './plan/assign-plan.ts';
import { type Release, planRelease } from './plan/release-plan.ts';
import type { ShardSyncer } from './shard-syncer.ts';
import { checkStream } from './stream-check.ts';
import type { StreamIdentity } from './plan/shard-sync-plan.ts';
import { WorkerReporter } from './worker-reporter.ts';

/** The longest time between two reports of a worker, and between two shard syncs. */
const maximumReportIntervalMillis = 5_000;
const shardSyncIntervalMillis = 60_000;
/** How often a lease that was never begun is released while its row changes under the attempt. */
const maximumReleaseAttempts = 3;
/** How many F a worker's row may stand still before others remove it. One that comes back writes it anew. */
const silentRowFailovers = 3;

/** What a {@link LeaseCoordinator} needs. */
export interface LeaseCoordinatorOptions {
  readonly table: LeaseTable;
  readonly keeper: LeaseKeeper;
  readonly syncer: ShardSyncer;
  readonly stream: StreamIdentity & { readonly streamName: string };
  readonly plan: AssignPlan;
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
  /** A tenure has begun: read from the checkpoint of this row. */
  readonly onGained: (lease: Lease) => void;
  /** Whether this worker keeps off a lease for now, because it could not read the shard. */
  readonly isAvoided?: (leaseKey: string) => boolean;
  /** Whether this worker avoids any lease. It then withdraws its row, so that nobody gives it leases for now. */
  readonly isUnfit?: () => boolean;
  /** The worker is above its share: finish this lease, then have the keeper release it to `to`. */
  readonly onSurplus: (move: Move) => void;
  /** What each scan found, after this worker's own moves were made, and the other workers that were seen alive. */
  readonly onSnapshot: (snapshot: TableSnapshot, provenWorkers: readonly string[]) => void;
}

/** What one scan shows. */
interface Look {
  readonly snapshot: TableSnapshot;
  readonly observed: readonly ObservedLease[];
  /** The workers that show any life, this one among them. */
  readonly live: readonly string[];
  /** Monotonic time before the scan began: what its ages are judged by. */
  readonly askedAtMillis: number;
}

/**
 * Joins the lease loops of one worker: report, discover, assign, sync shards. Nobody steals: every worker runs the same pure
 * plan on the same rows and performs only its own part of it. It takes what nobody holds, and gives away what it has above
 * its share after having finished it, so that joining repeats nothing.
 */
export class LeaseCoordinator {
  readonly #options: LeaseCoordinatorOptions;
  readonly #ages = new FleetAges();
  readonly #reporter: WorkerReporter;
  readonly #loops = linkedController();
  #running: Promise<unknown> = Promise.resolve();
  /** Whether this worker's row was written: before that, a stop has nothing to undo. */
  #joined = false;
  #live: readonly string[] = [];
  /** The workers of Millrace that were ever seen. */
  readonly #peers = new Set<string>();

  constructor(options: LeaseCoordinatorOptions) {
    this.#options = options;
    this.#reporter = new WorkerReporter(options);
  }

  /**
   * Opens the table, makes sure that it is this stream's and that this worker may join, reports itself and gives every
   * shard its lease.
   * @throws MillraceError `MR_TABLE_FOREIGN`, `MR_TABLE_KIND`, `MR_STREAM_CHANGED`, `MR_ENGINE_NOT_ALONE`, or the fault
   * that went on for 30 s
   */
  async start(signal: AbortSignal): Promise<{ readonly tableCreated: boolean }> {
    const { table, syncer, stream } = this.#options;
    const { created } = await this.#persist(() => table.open(signal), signal);
    const before = await this.#persist(() => table.scan(signal), signal);
    checkStream(before.leases, stream);
    await this.#persist(() => ensureAlone({ ...this.#options, ages: this.#ages }, signal), signal);
    this.#joined = true;
    await this.#persist(() => this.#reporter.report(signal), signal);
    const joined = await this.#persist(() => this.#look(signal), signal);
    this.#live = joined.live;
    this.#checkAlone(joined);
    await this.#persist(() => syncer.sync(signal), signal);
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
    const { failoverTimeMillis, leaseDiscoveryIntervalMillis, syncer } = this.#options;
    const reportMillis = Math.min(maximumReportIntervalMillis, failoverTimeMillis / 3);
    const assignMillis = Math.min(1_000, failoverTimeMillis / 4);
    const loops = [
      this.#loop(
        reportMillis,
        'later',
        this.#timed((inner) => this.#report(inner)),
        linked.signal,
      ),
      this.#loop(
        leaseDiscoveryIntervalMillis,
        'now',
        this.#timed((inner) => this.#discover(inner)),
        linked.signal,
      ),
      this.#loop(
        assignMillis,
        'now',
        this.#timed((inner) => this.#assign(inner)),
        linked.signal,
      ),
      this.#loop(shardSyncIntervalMillis, 'later', (inner) => syncer.sync(inner), linked.signal),
    ];
    this.#running = Promise.allSettled(loops);
    try {
      await Promise.all(loops);
    } finally {
      this.#loops.abort(new MillraceError('MR_ABORTED', 'the lease loops have ended'));
    }
  }

  async #report(signal: AbortSignal): Promise<void> {
    if (this.#options.isUnfit?.() === true) await this.#reporter.withdraw(signal);
    else await this.#reporter.report(signal);
  }

  /** Bounds one round, so that a call which hangs delays a takeover by no more than that. */
  #timed(action: (signal: AbortSignal) => Promise<unknown>): (signal: AbortSignal) => Promise<unknown> {
    const { clock, failoverTimeMillis } = this.#options;
    const late = () =>
      new MillraceError('MR_ENDPOINT_UNREACHABLE', `DynamoDB did not answer within ${failoverTimeMillis / 2} ms`, {
        reaction: 'retry',
      });
    return async (signal) => {
      using round = deadlineController(clock, failoverTimeMillis / 2, late, signal);
      try {
        return await action(round.signal);
      } finally {
        // What a failed round has left under way must not go on behind it: it would begin a tenure that nobody reads.
        round.abort(new MillraceError('MR_ABORTED', 'the round is over'));
      }
    };
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

  /** Takes up the leases that the table gives to this worker and that it does not hold yet. */
  async #discover(signal: AbortSignal): Promise<void> {
    const { table, keeper, workerIdentifier } = this.#options;
    const held = new Set(keeper.held.map((lease) => lease.leaseKey));
    const keys = await table.listKeysOwnedBy(workerIdentifier, signal);
    await Promise.all(keys.filter((key) => !held.has(key)).map((key) => this.#begin(key, signal)));
  }

  async #begin(leaseKey: string, signal: AbortSignal): Promise<void> {
    if (this.#options.isAvoided?.(leaseKey) === true) return;
    const lease = await this.#options.keeper.begin(leaseKey, signal);
    if (lease !== undefined) this.#options.onGained(lease);
  }

  /** One scan, one plan, and this worker's own part of it. */
  async #assign(signal: AbortSignal): Promise<void> {
    const { table, plan, failoverTimeMillis, maxLeasesForWorker, workerIdentifier, stream, isAvoided } = this.#options;
    const look = await this.#look(signal);
    const { snapshot, observed, live, askedAtMillis } = look;
    checkStream(snapshot.leases, stream);
    this.#tellWorkers(live);
    this.#checkAlone(look);
    const silent = this.#ages.silentWorkers(snapshot.workers, silentRowFailovers * failoverTimeMillis, askedAtMillis);
    await Promise.all(silent.map((row) => table.deleteWorker(row, signal)));
    const moves = plan(observed, this.#takers(look), { failoverTimeMillis, maxLeasesForWorker }, askedAtMillis);
    const byKey = new Map(snapshot.leases.map((lease) => [lease.leaseKey, lease]));
    const mine = moves.filter(
      (move) => move.to === workerIdentifier && move.reason !== 'surplus' && isAvoided?.(move.leaseKey) !== true,
    );
    await Promise.all(mine.map((move) => this.#take(move, byKey.get(move.leaseKey) as Lease, signal)));
    for (const move of moves) {
      if (move.reason === 'surplus' && move.from === workerIdentifier) this.#options.onSurplus(move);
    }
    this.#options.onSnapshot(snapshot, this.#proven(look));
  }

  async #take(move: Move, lease: Lease, signal: AbortSignal): Promise<void> {
    const { table, workerIdentifier, events } = this.#options;
    const written = await table.write(assignLease(lease, workerIdentifier), signal);
    if (written.outcome === 'refused') return;
    events.publish({ type: 'lease.assigned', leaseKey: move.leaseKey, workerIdentifier, reason: move.reason });
    await this.#begin(move.leaseKey, signal);
  }

  /** One consistent scan, and what it says of the others. */
  async #look(signal: AbortSignal): Promise<Look> {
    const { table, clock, failoverTimeMillis, workerIdentifier } = this.#options;
    const askedAtMillis = clock.monotonicMillis();
    const snapshot = await table.scan(signal);
    const observed = this.#ages.observe(snapshot.leases, snapshot.workers, clock.monotonicMillis());
    for (const row of snapshot.workers) if (row.reportCounter !== undefined) this.#peers.add(row.workerIdentifier);
    const live = this.#ages.liveWorkers(observed, snapshot.workers, failoverTimeMillis, askedAtMillis);
    return { snapshot, observed, live: withMember(live, workerIdentifier), askedAtMillis };
  }

  /** The workers that may be given leases: those that report, and this one. */
  #takers({ snapshot, askedAtMillis }: Look): readonly string[] {
    const { failoverTimeMillis, workerIdentifier } = this.#options;
    const reporting = this.#ages.reportingWorkers(snapshot.workers, failoverTimeMillis, askedAtMillis);
    return withMember(reporting, workerIdentifier);
  }

  /** The other workers that this process has seen alive; what a look for the first time shows may be long dead. */
  #proven({ snapshot, askedAtMillis }: Look): readonly string[] {
    const { leases, workers } = snapshot;
    return this.#ages.provenWorkers(leases, workers, this.#options.failoverTimeMillis, askedAtMillis);
  }

  #checkAlone({ live, snapshot }: Look): void {
    const intruder = findIntruder(this.#options, live, snapshot, this.#peers);
    if (intruder !== undefined) throw notAlone(this.#options, intruder);
  }

  #tellWorkers(live: readonly string[]): void {
    const { events } = this.#options;
    for (const workerIdentifier of live) {
      if (!this.#live.includes(workerIdentifier)) events.publish({ type: 'worker.joined', workerIdentifier });
    }
    for (const workerIdentifier of this.#live) {
      if (!live.includes(workerIdentifier)) events.publish({ type: 'worker.left', workerIdentifier });
    }
    this.#live = live;
  }

  /** First step of a stop: no more reports, no more leases. Others stop counting on this worker. */
  async stopTaking(signal: AbortSignal): Promise<void> {
    this.#loops.abort(new MillraceError('MR_ABORTED', 'the worker is stopping'));
    await this.#running;
    if (!this.#joined) return;
    const { clock, random, failoverTimeMillis } = this.#options;
    // Not for long: the drain waits for it, and a row that stays is only counted for F more.
    const retry = { clock, random, signal, timeoutMillis: failoverTimeMillis / 4 };
    await this.#attempt(() => retryWhilePassing(() => this.#reporter.withdraw(signal), retry));
  }

  /**
   * Last step of a stop: releases every lease that the table gives to this worker, by the assign plan with the workers
   * that it has seen alive, or to nobody when there is none. The scan is consistent, so a lease that was assigned at the last moment is found.
   */
  async releaseAll(signal: AbortSignal): Promise<void> {
    if (!this.#joined) return;
    await this.#attempt(async () => {
      const look = await this.#persist(() => this.#look(signal), signal);
      const releases = this.#planReleases(look);
      await Promise.all(releases.map((release) => this.#attempt(() => this.#release(release, signal))));
    });
  }

  /**
   * Gives up one held lease that this worker cannot read: to another worker that was seen alive, else to nobody. Left to
   * nobody while others live, the plan of all of them would name this worker again.
   */
  async giveAway(leaseKey: string, signal: AbortSignal): Promise<void> {
    await this.#attempt(async () => {
      const look = await this.#persist(() => this.#look(signal), signal);
      const release = this.#planReleases(look).find(({ lease }) => lease.leaseKey === leaseKey);
      if (release !== undefined) await this.#release(release, signal);
    });
    await this.#attempt(() => this.#report(signal));
  }

  #planReleases(look: Look): readonly Release[] {
    const { plan, workerIdentifier, failoverTimeMillis, maxLeasesForWorker } = this.#options;
    const proven = new Set(this.#proven(look));
    const workers = this.#takers(look).filter((worker) => worker !== workerIdentifier && proven.has(worker));
    const limits = { failoverTimeMillis, maxLeasesForWorker };
    return planRelease(plan, look.observed, workers, workerIdentifier, limits, look.askedAtMillis);
  }

  async #release({ lease, to }: Release, signal: AbortSignal): Promise<void> {
    const { table, keeper, workerIdentifier } = this.#options;
    const { leaseKey } = lease;
    const tenure = keeper.held.find((held) => held.leaseKey === leaseKey)?.tenure;
    if (tenure !== undefined) {
      await keeper.ask({ type: 'release', leaseKey, tenure, ...(to === undefined ? {} : { to }) });
      return;
    }
    // During a handoff to this worker the old owner still reads; taking the lease away would cut it off.
    if (lease.checkpointOwner !== undefined) return;
    // Assigned at the last moment, never begun: nobody reads it, so it may go at once. The begin of a tenure that the stop
    // has cut off may still be applied after the look; then the row is as new, and still nobody reads it.
    let row: Lease | undefined = lease;
    for (let attempt = 1; row !== undefined && attempt <= maximumReleaseAttempts; attempt += 1) {
      const write: LeaseWrite = to === undefined ? evictLease(row) : assignLease(row, to);
      const written: WriteOutcome = await this.#persist(() => table.write(write, signal), signal);
      row = written.outcome === 'refused' && written.lease?.leaseOwner === workerIdentifier ? written.lease : undefined;
    }
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

function withMember(sorted: readonly string[], member: string): readonly string[] {
  return sorted.includes(member) ? sorted : [...sorted, member].sort();
}
