import { raceAbort, stayingController } from '../../base/abort.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import { type Deferred, deferred } from '../../base/service.ts';
import type { EventSink } from '../../event/bus.ts';
import { Certainty } from '../certainty.ts';
import type { HandoffBegun, KeeperOutcome, KeeperRequest, LeaseLost } from '../keeper-messages.ts';
import type { Keeper } from '../keeper.ts';
import type { Lease } from '../lease.ts';
import { type Heartbeat, heartbeatIntervalOf } from './heartbeat.ts';
import { type FromKeeperThread, type ToKeeperThread, faultOf } from './thread-messages.ts';

/** The way to the thread of a keeper. Messages arrive in the order in which they were sent. */
export interface KeeperLink {
  send(message: ToKeeperThread): void;
  /** Says who hears the messages of the thread, and of its end when nobody asked for it. Called once. */
  listen(onMessage: (message: FromKeeperThread) => void, onBroken: (fault: MillraceError) => void): void;
}

/** What a {@link ThreadKeeper} needs. */
export interface ThreadKeeperOptions {
  readonly link: KeeperLink;
  /** This thread's sign of life, which the keeper's thread looks for. */
  readonly heartbeat: Heartbeat;
  readonly stalledAfterMillis: number;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly serviceTimeMillis: () => number;
  readonly onLost: (lost: LeaseLost) => void;
  readonly onHandoff: (begun: HandoffBegun) => void;
}

/** A tenure as it is known here. */
interface Held {
  lease: Lease;
  readonly certainty: Certainty;
  /** A release was asked for: whatever becomes of it, nothing more is handed out. */
  isReleasing: boolean;
}

/** A call that waits for its answer. */
type Waiting = Deferred<Lease | KeeperOutcome | undefined>;

/**
 * The main thread's side of a keeper in a thread of its own. Whether a tenure is certain is read from shared memory at each
 * hand-over, never from what the messages said last:
 *
 *   1. this thread stands still for longer than F; the other one renews, or loses the lease to another worker
 *   2. this thread wakes up, in the middle of handing out; the messages of step 1 wait behind it in the queue
 *   3. the shared cell says what is true now: certain until a time not yet reached, or over
 *
 * The order "counted from before the request" holds across the threads, because the other one writes the time before it
 * tells of the answer, both read the same monotonic clock, and an end is written before its message is sent.
 */
export class ThreadKeeper implements Keeper {
  readonly #options: ThreadKeeperOptions;
  readonly #held = new Map<string, Held>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Deferred<void> = deferred<void>();
  #calls = 0;
  #hasTwin = false;
  #broken: MillraceError | undefined;

  constructor(options: ThreadKeeperOptions) {
    this.#options = options;
    options.heartbeat.beat(options.clock.monotonicMillis());
    options.link.listen(
      (message) => this.#take(message),
      (fault) => this.#break(fault),
    );
  }

  get hasTwin(): boolean {
    return this.#hasTwin;
  }

  get held(): readonly Lease[] {
    return Array.from(this.#held.values(), ({ lease }) => lease);
  }

  confirmCurrent(leaseKey: string, tenure: number): boolean {
    const held = this.#held.get(leaseKey);
    if (held === undefined || held.lease.tenure !== tenure || held.isReleasing) return false;
    const state = held.certainty.at(this.#options.clock.monotonicMillis());
    if (state === 'certain') return true;
    // The end of one that is over is on its way here, with the reason.
    if (state === 'expired') {
      this.#options.link.send({ type: 'drop', leaseKey, tenure });
      this.#lose({ leaseKey, tenure, reason: 'expired' });
    }
    return false;
  }

  async begin(leaseKey: string, signal: AbortSignal): Promise<Lease | undefined> {
    if (this.#held.has(leaseKey)) return undefined;
    signal.throwIfAborted();
    const serviceTimeMillis = this.#options.serviceTimeMillis();
    let call = 0;
    const cancel = () => this.#options.link.send({ type: 'cancel', id: call });
    signal.addEventListener('abort', cancel, { once: true });
    try {
      // Answered also when it is cancelled: a tenure that has begun all the same must not be forgotten.
      const answer = this.#call((id) => {
        call = id;
        return { type: 'begin', id, leaseKey, serviceTimeMillis };
      });
      return (await answer) as Lease | undefined;
    } catch (thrown) {
      signal.throwIfAborted();
      throw thrown;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  renewSoon(leaseKey: string): void {
    if (this.#held.has(leaseKey)) this.#options.link.send({ type: 'renewSoon', leaseKey });
  }

  noteBytes(leaseKey: string, bytes: number): void {
    this.#held.get(leaseKey)?.certainty.addBytes(bytes);
  }

  async ask(request: Exclude<KeeperRequest, { type: 'begin' }>): Promise<KeeperOutcome> {
    const { leaseKey, tenure } = request;
    const held = this.#held.get(leaseKey);
    if (held === undefined || held.lease.tenure !== tenure) return 'lost';
    if (request.type === 'release') held.isReleasing = true;
    const outcome = (await this.#call((id) => ({ type: 'ask', id, request }))) as KeeperOutcome;
    if (request.type === 'release' && this.#held.get(leaseKey) === held) this.#held.delete(leaseKey);
    return outcome;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { link, clock, heartbeat, stalledAfterMillis } = this.#options;
    heartbeat.beat(clock.monotonicMillis());
    link.send({ type: 'run' });
    const beating = stayingController();
    void this.#beat(heartbeatIntervalOf(stalledAfterMillis), beating.signal);
    try {
      await raceAbort(this.#ended.promise, signal).catch(async (thrown: unknown) => {
        if (!signal.aborted) throw thrown;
        link.send({ type: 'stop' });
        await this.#ended.promise;
      });
    } finally {
      beating.abort(new MillraceError('MR_ABORTED', 'the worker has ended'));
      this.#held.clear();
    }
  }

  async #beat(intervalMillis: number, signal: AbortSignal): Promise<void> {
    const { clock, heartbeat } = this.#options;
    while (await pause(clock, intervalMillis, signal)) heartbeat.beat(clock.monotonicMillis());
  }

  #call(messageOf: (id: number) => ToKeeperThread): Promise<Lease | KeeperOutcome | undefined> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    this.#calls += 1;
    const waiting: Waiting = deferred<Lease | KeeperOutcome | undefined>();
    this.#waiting.set(this.#calls, waiting);
    this.#options.link.send(messageOf(this.#calls));
    return waiting.promise;
  }

  #take(message: FromKeeperThread): void {
    if (message.type === 'held') {
      const { lease, certainty } = message;
      this.#held.set(lease.leaseKey, { lease, certainty: new Certainty(certainty), isReleasing: false });
    } else if (message.type === 'event') this.#options.events.publish(message.event);
    else if (message.type === 'lost') this.#lose(message.lost);
    else if (message.type === 'handoff') this.#handOff(message.begun);
    else if (message.type === 'begun') this.#answer(message.id)?.resolve(message.lease);
    else if (message.type === 'answered') this.#answer(message.id)?.resolve(message.outcome);
    else if (message.type === 'failed') this.#answer(message.id)?.reject(faultOf(message.fault));
    else if (message.fault === undefined) this.#ended.resolve();
    else this.#ended.reject(faultOf(message.fault));
  }

  #answer(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** Heard of twice, here and there, it is told once. */
  #lose(lost: LeaseLost): void {
    const { leaseKey, tenure, reason } = lost;
    if (reason === 'duplicate') this.#hasTwin = true;
    if (this.#held.get(leaseKey)?.lease.tenure !== tenure) return;
    this.#held.delete(leaseKey);
    this.#options.events.publish({ type: 'lease.lost', leaseKey, tenure, reason });
    this.#options.onLost(lost);
  }

  #handOff(begun: HandoffBegun): void {
    const held = this.#held.get(begun.leaseKey);
    if (held === undefined || held.lease.tenure !== begun.tenure) return;
    held.lease = { ...held.lease, leaseOwner: begun.to };
    this.#options.onHandoff(begun);
  }

  /** The thread is gone: nobody renews, nobody answers. What is held stays certain until F, and ends with the worker. */
  #break(fault: MillraceError): void {
    this.#broken = fault;
    this.#ended.reject(fault);
    for (const waiting of this.#waiting.values()) waiting.reject(fault);
    this.#waiting.clear();
  }
}
