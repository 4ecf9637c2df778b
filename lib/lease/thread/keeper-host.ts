import { linkedController, stayingController } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { MillraceError, toMillraceError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import { LeaseKeeper } from '../lease-keeper.ts';
import type { LeaseTable } from '../lease-table.ts';
import type { InitialPosition } from '../plan/shard-sync-plan.ts';
import type { Heartbeat } from './heartbeat.ts';
import { type OnStall, StallGuard } from './stall-guard.ts';
import { type FromKeeperThread, type ToKeeperThread, faultData } from './thread-messages.ts';

/** What a {@link KeeperHost} needs. */
export interface KeeperHostOptions {
  readonly table: LeaseTable;
  readonly workerIdentifier: string;
  readonly failoverTimeMillis: number;
  readonly initialPosition: InitialPosition;
  readonly stalledAfterMillis: number;
  readonly onStall: OnStall;
  /** The main thread's sign of life. */
  readonly heartbeat: Heartbeat;
  readonly clock: Clock;
  readonly random: Random;
  /** Sends to the main thread. */
  readonly post: (message: FromKeeperThread) => void;
  /** Tells of a stalled main thread, which may never be there to hear the event. */
  readonly onStalled?: (forMillis: number, released: boolean) => void;
}

/**
 * The keeper's side of the two threads: a {@link LeaseKeeper} that is asked by messages. What it tells goes out in the order
 * in which it happened, so that a tenure is known to the other side before anything is said of it, and its end is the last.
 */
export class KeeperHost {
  readonly #options: KeeperHostOptions;
  readonly #keeper: LeaseKeeper;
  readonly #guard: StallGuard;
  /** The begins under way, by the number of the call. */
  readonly #begins = new Map<number, AbortController>();
  readonly #life = stayingController();
  #serviceTimeMillis = 0;

  constructor(options: KeeperHostOptions) {
    const { post } = options;
    this.#options = options;
    this.#keeper = new LeaseKeeper({
      ...options,
      events: {
        // The end of a tenure is told as such: it is an event where it is heard first.
        publish: (event) => event.type !== 'lease.lost' && post({ type: 'event', event }),
      },
      serviceTimeMillis: () => this.#serviceTimeMillis,
      onHeld: (lease, certainty) => post({ type: 'held', lease, certainty: certainty.shared }),
      onLost: (lost) => post({ type: 'lost', lost }),
      onHandoff: (begun) => post({ type: 'handoff', begun }),
    });
    this.#guard = new StallGuard({ ...options, onStalled: (forMillis) => this.#stalled(forMillis) });
  }

  /** Takes a message of the main thread. */
  take(message: ToKeeperThread): void {
    if (message.type === 'begin') void this.#begin(message);
    else if (message.type === 'ask') void this.#ask(message);
    else if (message.type === 'cancel') this.#begins.get(message.id)?.abort(gaveUp());
    else if (message.type === 'drop') this.#keeper.drop(message.leaseKey, message.tenure);
    else if (message.type === 'renewSoon') this.#keeper.renewSoon(message.leaseKey);
    else if (message.type === 'run') void this.#run();
    else this.#life.abort(new MillraceError('MR_ABORTED', 'the worker has ended'));
  }

  async #begin({ id, leaseKey, serviceTimeMillis }: ToKeeperThread & { type: 'begin' }): Promise<void> {
    this.#serviceTimeMillis = serviceTimeMillis;
    const cancel = stayingController();
    this.#begins.set(id, cancel);
    using either = linkedController(cancel.signal, this.#life.signal);
    try {
      // Asked for before the main thread stood still: nobody would read it.
      const mayBegin = !this.#guard.isStalled || this.#options.onStall === 'WARN';
      const lease = mayBegin ? await this.#keeper.begin(leaseKey, either.signal) : undefined;
      this.#options.post({ type: 'begun', id, lease });
    } catch (thrown) {
      this.#failed(id, thrown);
    } finally {
      this.#begins.delete(id);
    }
  }

  async #ask({ id, request }: ToKeeperThread & { type: 'ask' }): Promise<void> {
    try {
      this.#options.post({ type: 'answered', id, outcome: await this.#keeper.ask(request) });
    } catch (thrown) {
      this.#failed(id, thrown);
    }
  }

  #failed(id: number, thrown: unknown): void {
    this.#options.post({ type: 'failed', id, fault: faultData(toMillraceError(thrown)) });
  }

  async #run(): Promise<void> {
    let fault: MillraceError | undefined;
    const watch = stayingController();
    const watching = this.#guard.run(watch.signal);
    try {
      await this.#keeper.run(this.#life.signal);
    } catch (thrown) {
      fault = toMillraceError(thrown);
    }
    watch.abort(gaveUp());
    await watching;
    this.#options.post({ type: 'ended', fault: fault === undefined ? undefined : faultData(fault) });
  }

  #stalled(forMillis: number): void {
    const { workerIdentifier, onStall, post, onStalled } = this.#options;
    const released = onStall === 'RELEASE';
    onStalled?.(forMillis, released);
    post({ type: 'event', event: { type: 'worker.stalled', workerIdentifier, forMillis, released } });
    if (released) void this.#keeper.releaseStalled();
  }
}

const gaveUp = () => new MillraceError('MR_ABORTED', 'nobody waits for it any more');
