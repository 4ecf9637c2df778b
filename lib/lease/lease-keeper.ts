import PQueue from 'p-queue';
import { backoffMillis } from '../base/backoff.ts';
import { pause } from '../base/clock.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import { formatPosition } from '../base/position.ts';
import { type Deferred, deferred } from '../base/service.ts';
import type { LeaseLossReason } from '../event/event.ts';
import { type Holding, backoffOf, loadOf, newHolding, requestDeadline } from './holding.ts';
import type { Keeper } from './keeper.ts';
import type { KeeperOutcome, KeeperRequest } from './keeper-messages.ts';
import { type LeaseKeeperOptions, timestampOf } from './keeper-options.ts';
import type { Lease } from './lease.ts';
import { duplicateWorker, lossReason } from './lease-loss.ts';
import type { WriteOutcome } from './lease-table.ts';
import {
  type Fence,
  type LeaseWrite,
  beginTenure,
  completeHandoff,
  completeUnreadHandoff,
  isAlreadyApplied,
  releaseLease,
  renewLease,
} from './lease-write.ts';
import { requestedWrite } from './requested-write.ts';

/** KCL's `maxLeaseRenewalThreads`: how many renewals are under way at once. */
const maximumConcurrentRenewals = 20;
/** How often a tenure is begun anew when its row changes under the attempt. */
const maximumBeginAttempts = 5;
/** How often a write is made anew because its row tells of a handoff. */
const maximumHandoffNews = 3;

/**
 * Performs all writes of the leases that this worker holds: begin, renew, checkpoint, release. One queue and one counter per
 * lease, so that a renewal and a checkpoint never race for the same counter.
 *
 * Every write is conditional on counter and tenure. When an answer is lost, the same write is sent again until the answer is
 * definite:
 *
 *   1. we send "counter 7 -> 8"; DynamoDB applies it; the answer is lost
 *   2. we send it again; DynamoDB refuses, since the counter is 8
 *   3. the row holds exactly what we wrote (tenure, checkpoint, pointer): it was ours, and we go on from 8
 *
 * KCL has this for renewals only and loses leases at checkpoints (its issue #537).
 */
export class LeaseKeeper implements Keeper {
  readonly #options: LeaseKeeperOptions;
  readonly #holdings = new Map<string, Holding>();
  #hasTwin = false;
  readonly #beginning = new Set<string>();
  readonly #renewals = new PQueue({ concurrency: maximumConcurrentRenewals });
  readonly #fault: Deferred<never> = deferred<never>();

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Whether another process of this worker's name has shown itself; rows under the name may be its. */
  get hasTwin(): boolean {
    return this.#hasTwin;
  }

  /** The leases held now, as last written. */
  get held(): readonly Lease[] {
    return [...this.#holdings.values()].map((holding) => holding.lease);
  }

  /**
   * Whether this worker may still hand out data of the tenure: it holds it, and has confirmed it within F, counted
   * from before the confirming request was sent. A lease that is found expired is lost at once: data that was held back
   * must not be waited for. One whose release is under way is not current: the next owner may read already while the
   * answer is on its way. Best effort; the promise rests on the fence.
   */
  confirmCurrent(leaseKey: string, tenure: number): boolean {
    const holding = this.#holdings.get(leaseKey);
    if (holding === undefined || holding.fence.tenure !== tenure || holding.releasing) return false;
    if (!this.#isExpired(holding)) return true;
    this.#lose(holding, 'expired');
    return false;
  }

  /**
   * Begins a tenure of a lease that the table gives to this worker; answers with the row that the write returned, or
   * `undefined` when the lease is not (or no longer) this worker's.
   */
  async begin(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined> {
    if (this.#holdings.has(leaseKey) || this.#beginning.has(leaseKey)) return undefined;
    this.#beginning.add(leaseKey);
    try {
      for (let attempt = 1; attempt <= maximumBeginAttempts; attempt += 1) {
        const startedAtMillis = this.#options.clock.monotonicMillis();
        const outcome = await this.#beginOnce(leaseKey, signal);
        if (outcome === 'not mine') return undefined;
        if (outcome !== 'changed') return this.#hold(outcome, startedAtMillis);
      }
      return undefined;
    } finally {
      this.#beginning.delete(leaseKey);
    }
  }

  /**
   * One attempt. An attempt whose answer was lost is never taken for applied: two processes of one name may have sent
   * the same write. Beginning again from a fresh read ends both doubts, since the newer tenure fences the older.
   */
  async #beginOnce(leaseKey: string, signal: AbortSignal): Promise<Lease | 'not mine' | 'changed'> {
    const { table, workerIdentifier } = this.#options;
    using request = requestDeadline(this.#options.clock, this.#options.failoverTimeMillis, signal);
    const lease = await table.get(leaseKey, request.signal);
    if (lease?.checkpointOwner === workerIdentifier) {
      await table.write(completeUnreadHandoff(lease), request.signal);
      return 'not mine';
    }
    if (lease?.leaseOwner !== workerIdentifier || lease.checkpointOwner !== undefined) return 'not mine';
    const write = beginTenure(lease, workerIdentifier, (sentinel) => timestampOf(sentinel, this.#options));
    const written = await table.write(write, request.signal);
    return written.outcome === 'applied' ? written.lease : 'changed';
  }

  #hold(lease: Lease, startedAtMillis: number): Lease {
    const holding = newHolding(lease, startedAtMillis, this.#options.failoverTimeMillis);
    this.#holdings.set(lease.leaseKey, holding);
    this.#options.onHeld?.(lease, holding.certainty);
    const { tenure } = holding.fence;
    const checkpoint = formatPosition(lease.checkpoint);
    const parents = lease.parentShardIds.length === 0 ? {} : { parents: lease.parentShardIds };
    this.#options.events.publish({ type: 'lease.gained', leaseKey: lease.leaseKey, tenure, checkpoint, ...parents });
    return lease;
  }

  /** Renews a lease now instead of at its time, to notice a handoff that was just begun. */
  renewSoon(leaseKey: string): void {
    const holding = this.#holdings.get(leaseKey);
    if (holding === undefined || holding.renewing) return;
    void this.#write(holding, (fence) => renewLease(fence)).catch(() => {});
  }

  /** Notes bytes that were handed out of a lease; the next heartbeat carries the rate. */
  noteBytes(leaseKey: string, bytes: number): void {
    this.#holdings.get(leaseKey)?.certainty.addBytes(bytes);
  }

  /**
   * Writes a checkpoint, prepares one, or releases a lease. `lost` means that the tenure is over and nothing was written. Settles within
   * F of the last confirmed write, whatever the network does.
   * @throws MillraceError a fault that ends the worker, such as `MR_ACCESS_DENIED`
   */
  async ask(request: Exclude<KeeperRequest, { type: 'begin' }>): Promise<KeeperOutcome> {
    const holding = this.#holdings.get(request.leaseKey);
    if (holding === undefined || holding.fence.tenure !== request.tenure) return 'lost';
    if (request.type === 'release') return this.#release(holding, request.to);
    const load = loadOf(holding, this.#options.clock.monotonicMillis());
    const outcome = await this.#write(holding, (fence) => requestedWrite(request, fence, load));
    if (outcome === 'applied' && request.type === 'checkpoint') {
      const { leaseKey, tenure } = request;
      const checkpoint = formatPosition(request.checkpoint);
      this.#options.events.publish({ type: 'lease.checkpointed', leaseKey, tenure, checkpoint });
    }
    return outcome;
  }

  /** Gives a lease up. Where a handoff has begun, it is completed, whatever `to` says: the leader has decided. */
  async #release(holding: Holding, to: string | undefined): Promise<KeeperOutcome> {
    const { leaseKey, tenure } = holding.fence;
    const { workerIdentifier } = this.#options;
    const outcome = await this.#write(
      holding,
      (fence) => {
        holding.releasing = true;
        holding.certainty.end();
        return fence.handoffTo === undefined
          ? releaseLease(fence, to)
          : completeHandoff(fence, workerIdentifier, fence.handoffTo);
      },
      'release',
    );
    if (outcome === 'applied') {
      const next = holding.fence.handoffTo ?? to;
      this.#options.events.publish({
        type: 'lease.released',
        leaseKey,
        tenure,
        ...(next === undefined ? {} : { to: next }),
      });
    }
    return outcome;
  }

  /** Takes a tenure for lost that was found expired elsewhere: where data are handed out. */
  drop(leaseKey: string, tenure: number): void {
    const holding = this.#holdings.get(leaseKey);
    if (holding?.fence.tenure === tenure) this.#lose(holding, 'expired');
  }

  /**
   * Gives everything up because nothing moves here any more, though the heartbeats go on: nothing is handed out from now
   * on, and the leases are released to nobody, so that those who live can have them.
   */
  async releaseStalled(): Promise<void> {
    const released = [...this.#holdings.values()].map(async (holding) => {
      holding.releasing = true;
      holding.certainty.end();
      const outcome = await this.#release(holding, undefined).catch(() => 'lost' as const);
      if (outcome === 'applied') this.#tellLost(holding, 'stalled');
    });
    await Promise.all(released);
  }

  /**
   * Renews what is due, until the signal aborts; then drops what is still held, with the writes that are under way. A
   * checkpoint is a heartbeat, so a lease that was just checkpointed is not due.
   * @throws MillraceError the fault that ends the worker: `MR_WORKER_DUPLICATE`, `MR_ACCESS_DENIED`, ...
   */
  async run(signal: AbortSignal): Promise<void> {
    const loop = this.#renewLoop(signal);
    await Promise.race([loop, this.#fault.promise]);
  }

  async #renewLoop(signal: AbortSignal): Promise<void> {
    while (await pause(this.#options.clock, this.#nextLookMillis(), signal)) {
      for (const holding of this.#holdings.values()) {
        if (this.#isExpired(holding)) this.#lose(holding, 'expired');
        else if (!holding.renewing && this.#millisToRenewal(holding) <= 0) this.#renew(holding);
      }
    }
    await this.#dropAll();
  }

  /** To the next renewal, but soon enough to see an expiry or a lease that was begun meanwhile. */
  #nextLookMillis(): number {
    let millis = this.#options.failoverTimeMillis / 12;
    for (const holding of this.#holdings.values()) {
      if (!holding.renewing) millis = Math.min(millis, this.#millisToRenewal(holding));
    }
    return Math.max(1, millis);
  }

  #millisToRenewal(holding: Holding): number {
    const { clock, failoverTimeMillis } = this.#options;
    return holding.confirmedAtMillis + failoverTimeMillis / 3 - clock.monotonicMillis();
  }

  async #dropAll(): Promise<void> {
    const dropped = [...this.#holdings.values()];
    this.#holdings.clear();
    for (const { certainty, over } of dropped) {
      certainty.end();
      over.abort(new MillraceError('MR_ABORTED', 'the worker has ended'));
    }
    await Promise.all(dropped.map(({ queue }) => queue.onIdle()));
  }

  #renew(holding: Holding): void {
    holding.renewing = true;
    // While it waited its turn, a checkpoint may have been the heartbeat.
    const makeWrite = (fence: Fence) =>
      this.#millisToRenewal(holding) > 0
        ? undefined
        : renewLease(fence, loadOf(holding, this.#options.clock.monotonicMillis()));
    const renewal = this.#renewals.add(() => this.#write(holding, makeWrite));
    renewal
      .catch(() => {})
      .finally(() => {
        holding.renewing = false;
      });
  }

  /** Queues one write behind the earlier ones of the same lease. What falls due for nothing is not written. */
  #write(
    holding: Holding,
    makeWrite: (fence: Fence) => LeaseWrite | undefined,
    purpose: 'keep' | 'release' = 'keep',
  ): Promise<KeeperOutcome> {
    return holding.queue.add(async () => {
      // As in KCL, a lease that expired here is lost even if nobody has taken it yet.
      if (this.#isExpired(holding)) this.#lose(holding, 'expired');
      if (holding.over.signal.aborted) return 'lost';
      const write = makeWrite(holding.fence);
      if (write === undefined) return 'applied';
      const startedAtMillis = this.#options.clock.monotonicMillis();
      let written = await this.#writeUntilDefinite(holding, write);
      for (let news = 1; news <= maximumHandoffNews; news += 1) {
        if (written === 'lost' || written.outcome === 'applied' || !this.#noticeOwners(holding, written.lease)) break;
        // Refused only because a handoff had begun or was taken back (kcl.md 1.6): the lease is still ours to write.
        written = await this.#writeUntilDefinite(holding, makeWrite(holding.fence) ?? write);
      }
      if (written === 'lost') return 'lost';
      if (written.outcome === 'refused') {
        this.#lose(holding, lossReason(holding, written.lease, this.#options.workerIdentifier));
        return 'lost';
      }
      if (purpose === 'release') {
        this.#holdings.delete(holding.fence.leaseKey);
        holding.over.abort(new MillraceError('MR_LEASE_LOST', `lease ${holding.fence.leaseKey} was released`));
      } else {
        holding.fence = { ...holding.fence, leaseCounter: written.lease.leaseCounter };
        holding.lease = written.lease;
        holding.confirmedAtMillis = startedAtMillis;
        holding.certainty.confirm(holding.confirmedAtMillis + this.#options.failoverTimeMillis);
        this.#noticeOwners(holding, written.lease);
      }
      return 'applied';
    });
  }

  /**
   * Looks for news of a handoff in a row that a write brought back, as long as the tenure is still this worker's own: one has
   * begun, goes to another worker now, or was taken back by a new owner that stops. Answers whether there are any. One that
   * was taken back is told to nobody: the shard is being finished, and its release goes to nobody then.
   */
  #noticeOwners(holding: Holding, row: Lease | undefined): boolean {
    const { fence } = holding;
    const { workerIdentifier, onHandoff } = this.#options;
    if (row === undefined || row.tenure !== fence.tenure || row.leaseCounter !== fence.leaseCounter) return false;
    const { leaseKey, tenure, leaseCounter, handoffTo: before } = fence;
    const { checkpointOwner, leaseOwner: to } = row;
    if (checkpointOwner === workerIdentifier && to !== undefined && to !== before) {
      holding.fence = { ...fence, handoffTo: to };
      onHandoff({ leaseKey, tenure, to });
      return true;
    }
    if (checkpointOwner !== undefined || to !== workerIdentifier || before === undefined) return false;
    holding.fence = { leaseKey, tenure, leaseCounter };
    return true;
  }

  async #writeUntilDefinite(holding: Holding, write: LeaseWrite): Promise<WriteOutcome | 'lost'> {
    const { clock, random, events } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const written = await this.#writeOnce(holding, write);
        const lateAnswer = attempt > 1 && written.outcome === 'refused' && written.lease !== undefined;
        if (lateAnswer && isAlreadyApplied(write, written.lease, this.#options.workerIdentifier)) {
          return { outcome: 'applied', lease: written.lease };
        }
        return written;
      } catch (thrown) {
        if (holding.over.signal.aborted) return 'lost';
        const fault = toMillraceError(thrown);
        events.publish({ type: 'fault.seen', code: fault.code, message: fault.message, subject: fault.subject });
        if (fault.reaction === 'fatal') {
          this.#fault.reject(fault);
          throw fault;
        }
        if (this.#isExpired(holding)) {
          this.#lose(holding, 'expired');
          return 'lost';
        }
      }
      const backoff = backoffOf(holding, this.#options.failoverTimeMillis, clock.monotonicMillis());
      await pause(clock, backoffMillis(backoff, attempt, random), holding.over.signal);
    }
  }

  /**
   * One attempt, in a function of its own: esbuild, and so tsx, lets a `using` in the body of a loop throw the fault of an
   * earlier round once more in every later one.
   */
  async #writeOnce(holding: Holding, write: LeaseWrite): Promise<WriteOutcome> {
    using request = requestDeadline(this.#options.clock, this.#options.failoverTimeMillis, holding.over.signal);
    return await this.#options.table.write(write, request.signal);
  }

  #lose(holding: Holding, reason: LeaseLossReason): void {
    const { leaseKey } = holding.fence;
    if (this.#holdings.get(leaseKey) !== holding) return;
    this.#holdings.delete(leaseKey);
    holding.certainty.end();
    const { workerIdentifier } = this.#options;
    const lost = new MillraceError('MR_LEASE_LOST', `lease ${leaseKey} is no longer held (${reason})`, {
      subject: { lease: leaseKey, worker: workerIdentifier },
    });
    holding.over.abort(lost);
    this.#tellLost(holding, reason);
    if (reason !== 'duplicate') return;
    this.#hasTwin = true;
    this.#fault.reject(duplicateWorker(workerIdentifier, leaseKey));
  }

  #tellLost({ fence: { leaseKey, tenure } }: Holding, reason: LeaseLossReason): void {
    const { events, onLost } = this.#options;
    events.publish({ type: 'lease.lost', leaseKey, tenure, reason });
    onLost({ leaseKey, tenure, reason });
  }

  #isExpired(holding: Holding): boolean {
    const { clock, failoverTimeMillis } = this.#options;
    return clock.monotonicMillis() - holding.confirmedAtMillis > failoverTimeMillis;
  }
}
