import { type Clock, pause } from '../base/clock.ts';
import { toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { StateHolder } from '../base/state.ts';
import type { EventSink } from '../event/bus.ts';
import { requestDeadline } from './holding.ts';
import type { LeaderLock } from './lease.ts';
import type { LeaseTable, LockCondition } from './lease-table.ts';

/** How often the lock of another worker is looked at. */
const lookIntervalMillis = 1_000;
/** KCL's lock row carries a UUID; 32 hexadecimal digits serve as well. */
const versionDigits = 32;

/** What a {@link LeaderElector} needs. */
export interface LeaderElectorOptions {
  readonly table: LeaseTable;
  readonly workerIdentifier: string;
  /** F: the lock's duration; its heartbeat is F/3. */
  readonly failoverTimeMillis: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** Whether this worker may lead at all; it may not while a Java fleet migrates its tables. */
  readonly mayLead: () => boolean;
  /** Whether this worker takes the lock of any other at its first look, since it holds the epoch of the application. */
  readonly takesOver?: boolean;
  /** Workers of the same process, whose lock is left to them. */
  readonly companions?: ReadonlySet<string>;
  /** Told when leadership is won or lost. */
  readonly onChange: () => void;
}

/**
 * What a worker knows of the lock. `following` remembers since when, by this worker's clock, the version has stood still,
 * and whether it has itself seen it change; `leading` remembers when the last confirming request was sent.
 */
type ElectorState =
  | { readonly tag: 'looking' }
  | {
      readonly tag: 'following';
      readonly lock: LeaderLock;
      readonly sinceMillis: number;
      readonly hasMoved: boolean;
    }
  | { readonly tag: 'leading'; readonly lock: LeaderLock; readonly confirmedAtMillis: number };

/**
 * Elects one leader by KCL's lock row. A worker that is not the leader takes the lock only after it has itself seen the same
 * version for longer than the lock's own duration: a first sight never wins, and no clocks are compared.
 *
 *   1. leader A heartbeats: version v7
 *   2. A dies; B looks every second and sees v7, v7, v7 ...
 *   3. B has seen v7 for the lock's duration and writes v8 on condition that it still is v7
 *   4. A, woken from a pause, heartbeats on condition of v7 and is refused; it had stopped writing before, because by its
 *      own clock the lock was older than its duration
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #state = new StateHolder<ElectorState>(
    { tag: 'looking' },
    {
      looking: ['looking', 'following', 'leading'],
      following: ['looking', 'following', 'leading'],
      leading: ['looking', 'following', 'leading'],
    },
    (next, previous) => this.#tell(next, previous),
  );

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
  }

  /**
   * Whether this worker may write as the leader now: it has the lock, and the lock is younger than its duration, counted
   * from before the last heartbeat was sent. Ask before every write.
   */
  get isLeader(): boolean {
    const state = this.#state.current;
    if (state.tag !== 'leading') return false;
    const { clock, failoverTimeMillis } = this.#options;
    return clock.monotonicMillis() - state.confirmedAtMillis < failoverTimeMillis;
  }

  /**
   * Whether the leader has missed two heartbeats, so that a successor may be needed: candidates then begin to remember
   * the ages of leases, and a new leader need not wait F again. A lock that has stood still ever since it was first seen may
   * be that of a worker which died long ago.
   */
  get isSuccessionNear(): boolean {
    const state = this.#state.current;
    if (state.tag !== 'following') return state.tag === 'looking';
    if (!state.hasMoved) return true;
    const stillMillis = this.#options.clock.monotonicMillis() - state.sinceMillis;
    return stillMillis > (2 * state.lock.leaseDurationMillis) / 3;
  }

  /** The worker that leads, as far as this one knows. */
  get leader(): string | undefined {
    const state = this.#state.current;
    return state.tag === 'looking' ? undefined : state.lock.ownerName;
  }

  /** The worker whose expired lock this one took, when that is how it came to lead last. */
  get predecessor(): string | undefined {
    return this.#predecessor;
  }

  /** Looks, heartbeats and takes the lock when it is free, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, events, failoverTimeMillis } = this.#options;
    while (!signal.aborted) {
      let leastWaitMillis = 0;
      try {
        await this.step(signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const fault = toMillraceError(thrown);
        if (fault.reaction === 'fatal') throw fault;
        events.publish({ type: 'fault.seen', code: fault.code, message: fault.message, subject: fault.subject });
        leastWaitMillis = failoverTimeMillis / 24;
      }
      if (!(await pause(clock, Math.max(leastWaitMillis, this.#untilNextStepMillis()), signal))) return;
    }
  }

  /** The next moment at which something can change: a heartbeat is due, a look is due, or the lock expires. */
  #untilNextStepMillis(): number {
    const { clock, failoverTimeMillis, mayLead } = this.#options;
    const now = clock.monotonicMillis();
    const state = this.#state.current;
    if (state.tag === 'leading') return Math.max(0, state.confirmedAtMillis + failoverTimeMillis / 3 - now);
    // One that may not lead has nothing to gain from the moment of expiry.
    if (state.tag === 'looking' || !mayLead()) return lookIntervalMillis;
    const expiryMillis = state.sinceMillis + state.lock.leaseDurationMillis + 1 - now;
    return Math.min(lookIntervalMillis, Math.max(1, expiryMillis));
  }

  /** One step: a heartbeat of the leader, a look of anybody else. */
  async step(signal: AbortSignal): Promise<void> {
    const state = this.#state.current;
    const { clock, failoverTimeMillis } = this.#options;
    using request = requestDeadline(clock, failoverTimeMillis, signal);
    if (state.tag === 'leading') await this.#heartbeat(state.lock, request.signal);
    else {
      await this.#deleteGivenBack(request.signal);
      await this.#look(request.signal);
    }
  }

  /**
   * A heartbeat whose answer is lost leaves the state as it is, and is sent again as it was: either that is applied, or it is
   * refused because the first was, and then the row shows the version that was sent.
   */
  async #heartbeat(held: LeaderLock, signal: AbortSignal): Promise<void> {
    const { recordVersionNumber, ownerName } = held;
    if (await this.#write(held, { type: 'mine', recordVersionNumber, ownerName }, signal)) return;
    await this.#look(signal);
  }

  #predecessor: string | undefined;
  /** Monotonic time until which the lock is left to others. */
  #standsAsideUntilMillis = Number.NEGATIVE_INFINITY;

  /**
   * Whether an older answer can do no harm: another worker leads, and its lock cannot have expired yet. An older version after
   * a newer one looks like a heartbeat, which makes the lock live longer in this worker's eyes, never shorter.
   */
  get #isCertain(): boolean {
    const state = this.#state.current;
    if (state.tag !== 'following') return false;
    return this.#options.clock.monotonicMillis() - state.sinceMillis <= state.lock.leaseDurationMillis;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { table, clock } = this.#options;
    const lock = await table.readLock(signal, this.#isCertain ? 'eventual' : 'consistent');
    const now = clock.monotonicMillis();
    if (lock === undefined) return this.#take({ type: 'absent' }, signal);
    const sent = this.#sent;
    const isOwn = sent !== undefined && sent.lock.recordVersionNumber === lock.recordVersionNumber;
    if (isOwn && this.#options.mayLead()) {
      // Our own write, whose answer was lost.
      this.#sent = undefined;
      this.#state.become({ tag: 'leading', lock, confirmedAtMillis: sent.atMillis });
      return;
    }
    if (lock.isReleased) return this.#take({ type: 'released' }, signal);
    if (this.#isToBeTakenFrom(lock)) {
      await this.#take({ type: 'unchanged', recordVersionNumber: lock.recordVersionNumber }, signal);
      return;
    }
    const state = this.#state.current;
    const before = state.tag === 'following' ? state : undefined;
    if (before?.lock.recordVersionNumber !== lock.recordVersionNumber) {
      this.#state.become({ tag: 'following', lock, sinceMillis: now, hasMoved: before !== undefined });
      return;
    }
    if (now - before.sinceMillis > lock.leaseDurationMillis) {
      await this.#take({ type: 'unchanged', recordVersionNumber: lock.recordVersionNumber }, signal);
    }
  }

  /** The holder of the epoch need not wait until the lock of the one before it expires. */
  #isToBeTakenFrom({ ownerName }: LeaderLock): boolean {
    const { takesOver = false, companions, workerIdentifier } = this.#options;
    return takesOver && ownerName !== workerIdentifier && companions?.has(ownerName) !== true;
  }

  async #take(condition: LockCondition, signal: AbortSignal): Promise<void> {
    const { workerIdentifier, failoverTimeMillis, mayLead } = this.#options;
    const { current } = this.#state;
    const lock = { ownerName: workerIdentifier, leaseDurationMillis: failoverTimeMillis, isReleased: false };
    const isAllowed = mayLead() && this.#options.clock.monotonicMillis() >= this.#standsAsideUntilMillis;
    if (isAllowed && (await this.#write(lock, condition, signal))) {
      const isOther = current.tag === 'following' && current.lock.ownerName !== workerIdentifier;
      this.#predecessor = condition.type === 'unchanged' && isOther ? current.lock.ownerName : undefined;
      return;
    }
    if (this.#state.current.tag === 'leading') this.#state.become({ tag: 'looking' });
  }

  /** A version that was sent and whose fate is not known; `atMillis` is the time before it was sent first. */
  #sent: { readonly lock: LeaderLock; readonly atMillis: number } | undefined;

  /**
   * Writes the lock under a new version, or again under the one whose fate is not known. Answers whether it was applied;
   * then this worker leads.
   */
  async #write(
    parts: Omit<LeaderLock, 'recordVersionNumber'>,
    condition: LockCondition,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { table, clock, random } = this.#options;
    const atMillis = clock.monotonicMillis();
    this.#sent ??= { lock: { ...parts, recordVersionNumber: random.hex(versionDigits) }, atMillis };
    const sent = this.#sent;
    const { lock } = sent;
    if (!(await table.writeLock(lock, condition, signal))) return false;
    if (this.#sent !== sent) {
      // Resigned while the answer was on its way, and the deletion may have come before the write.
      await table.deleteLock(lock, signal);
      return false;
    }
    this.#sent = undefined;
    this.#state.become({ tag: 'leading', lock, confirmedAtMillis: atMillis });
    return true;
  }

  /** Locks that were given back, of which it is not known yet that they are gone. */
  readonly #givenBack = new Set<LeaderLock>();

  /**
   * Gives the lock back, so that another worker can lead at its next look; that of a write without an answer too. For
   * `standAsideMillis` this worker does not take it again.
   */
  async resign(signal: AbortSignal, standAsideMillis = 0): Promise<void> {
    const state = this.#state.current;
    const sent = this.#sent?.lock;
    this.#sent = undefined;
    this.#standsAsideUntilMillis = this.#options.clock.monotonicMillis() + standAsideMillis;
    if (state.tag === 'leading') {
      this.#state.become({ tag: 'looking' });
      this.#givenBack.add(state.lock);
    }
    if (sent !== undefined) this.#givenBack.add(sent);
    await this.#deleteGivenBack(signal);
  }

  /** One that is deleted is the one that was there. A deletion that fails is made again by the next step, or the next call. */
  async #deleteGivenBack(signal: AbortSignal): Promise<void> {
    for (const lock of this.#givenBack) {
      if (await this.#options.table.deleteLock(lock, signal)) this.#givenBack.clear();
      else this.#givenBack.delete(lock);
    }
  }

  #tell(next: ElectorState, previous: ElectorState): void {
    const { events, workerIdentifier, onChange } = this.#options;
    if ((next.tag === 'leading') === (previous.tag === 'leading')) return;
    events.publish({ type: next.tag === 'leading' ? 'leader.elected' : 'leader.lost', workerIdentifier });
    onChange();
  }
}
