import { deadlineController } from '../base/abort.ts';
import { type Clock, pause } from '../base/clock.ts';
import { MillraceError, toMillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { StateHolder } from '../base/state.ts';
import type { EventSink } from '../event/bus.ts';
import { requestDeadlineMillis } from './holding.ts';
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
  /** Told when leadership is won or lost. */
  readonly onChange: () => void;
}

/**
 * What a worker knows of the lock. `following` remembers since when, by this worker's clock, the version has stood still;
 * `leading` remembers when the last confirming request was sent.
 */
type ElectorState =
  | { readonly tag: 'looking' }
  | { readonly tag: 'following'; readonly lock: LeaderLock; readonly sinceMillis: number }
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
   * the ages of leases, and a new leader need not wait F again.
   */
  get isSuccessionNear(): boolean {
    const state = this.#state.current;
    if (state.tag !== 'following') return state.tag === 'looking';
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
    const { clock, failoverTimeMillis } = this.#options;
    const now = clock.monotonicMillis();
    const state = this.#state.current;
    if (state.tag === 'leading') return Math.max(0, state.confirmedAtMillis + failoverTimeMillis / 3 - now);
    if (state.tag === 'looking') return lookIntervalMillis;
    const expiryMillis = state.sinceMillis + state.lock.leaseDurationMillis + 1 - now;
    return Math.min(lookIntervalMillis, Math.max(1, expiryMillis));
  }

  /** One step: a heartbeat of the leader, a look of anybody else. */
  async step(signal: AbortSignal): Promise<void> {
    const state = this.#state.current;
    using request = deadlineController(
      this.#options.clock,
      requestDeadlineMillis(this.#options.failoverTimeMillis),
      () => new MillraceError('MR_ENDPOINT_UNREACHABLE', 'DynamoDB did not answer in time', { reaction: 'retry' }),
      signal,
    );
    if (state.tag === 'leading') await this.#heartbeat(state.lock, request.signal);
    else await this.#look(request.signal);
  }

  /**
   * A heartbeat whose answer is lost leaves the state as it is: the next one is refused if it was applied, and the look
   * then finds our own version.
   */
  async #heartbeat(held: LeaderLock, signal: AbortSignal): Promise<void> {
    const { table, clock, random } = this.#options;
    const startedAtMillis = clock.monotonicMillis();
    const next = { ...held, recordVersionNumber: random.hex(versionDigits) };
    this.#pending = { next, startedAtMillis };
    const { recordVersionNumber, ownerName } = held;
    if (await table.writeLock(next, { type: 'mine', recordVersionNumber, ownerName }, signal)) {
      this.#state.become({ tag: 'leading', lock: next, confirmedAtMillis: startedAtMillis });
      return;
    }
    await this.#look(signal);
  }

  #predecessor: string | undefined;

  /** The last version sent whose fate was not known when it was sent. */
  #pending: { readonly next: LeaderLock; readonly startedAtMillis: number } | undefined;

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
    const pending = this.#pending;
    if (pending !== undefined && pending.next.recordVersionNumber === lock.recordVersionNumber) {
      // Our own write, whose answer was lost.
      this.#state.become({ tag: 'leading', lock, confirmedAtMillis: pending.startedAtMillis });
      return;
    }
    if (lock.isReleased) return this.#take({ type: 'released' }, signal);
    const state = this.#state.current;
    const seen = state.tag === 'following' && state.lock.recordVersionNumber === lock.recordVersionNumber;
    if (!seen) {
      this.#state.become({ tag: 'following', lock, sinceMillis: now });
      return;
    }
    if (now - state.sinceMillis > lock.leaseDurationMillis) {
      await this.#take({ type: 'unchanged', recordVersionNumber: lock.recordVersionNumber }, signal);
    }
  }

  async #take(condition: LockCondition, signal: AbortSignal): Promise<void> {
    const { table, clock, random, workerIdentifier, failoverTimeMillis, mayLead } = this.#options;
    if (!mayLead()) {
      if (this.#state.current.tag === 'leading') this.#state.become({ tag: 'looking' });
      return;
    }
    const startedAtMillis = clock.monotonicMillis();
    const next: LeaderLock = {
      ownerName: workerIdentifier,
      leaseDurationMillis: failoverTimeMillis,
      recordVersionNumber: random.hex(versionDigits),
      isReleased: false,
    };
    this.#pending = { next, startedAtMillis };
    const { current } = this.#state;
    if (await table.writeLock(next, condition, signal)) {
      const isOther = current.tag === 'following' && current.lock.ownerName !== workerIdentifier;
      this.#predecessor = condition.type === 'unchanged' && isOther ? current.lock.ownerName : undefined;
      this.#state.become({ tag: 'leading', lock: next, confirmedAtMillis: startedAtMillis });
    } else if (this.#state.current.tag === 'leading') this.#state.become({ tag: 'looking' });
  }

  /** Gives the lock back, so that another worker can lead at its next look. */
  async resign(signal: AbortSignal): Promise<void> {
    const state = this.#state.current;
    if (state.tag !== 'leading') return;
    this.#state.become({ tag: 'looking' });
    await this.#options.table.deleteLock(state.lock, signal);
  }

  #tell(next: ElectorState, previous: ElectorState): void {
    const { events, workerIdentifier, onChange } = this.#options;
    if ((next.tag === 'leading') === (previous.tag === 'leading')) return;
    events.publish({ type: next.tag === 'leading' ? 'leader.elected' : 'leader.lost', workerIdentifier });
    onChange();
  }
}
