import { aborted, linkedController } from '../base/abort.ts';
import { pause } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { Notifier } from '../base/notifier.ts';
import type { LocalSource, LocalSourceStart } from './local-source.ts';

/** Through which a receiver of the program's own hands in what it received; Spark's receiver supervisor. */
export interface ReceiverSupervisor<T> {
  /**
   * Hands in items, which lie together in a partition. Resolves when there is room for more: wait for it, so that a
   * source that is faster than the batches is held up.
   */
  readonly store: (items: readonly T[]) => Promise<void>;
  /** Aborts when the receiver is to stop: the context drains, ends, or starts the receiver anew. */
  readonly signal: AbortSignal;
}

/** A receiver of the program's own. */
export interface StreamReceiver<T> {
  /** Receives until the signal aborts. When it throws, or returns before, it is started anew after a pause. */
  receive(supervisor: ReceiverSupervisor<T>): Promise<void> | void;
}

/** How many items of one receiver may wait for a batch before `store` makes it wait. */
export const maximumStoredItems = 100_000;

/** How long a receiver that failed rests (Spark's `receiverRestartDelay`). */
export const receiverRestartDelayMillis = 2_000;

/** Collects what a receiver hands in until the next batch takes it, and starts the receiver anew when it fails. */
export class ReceiverSource<T> implements LocalSource {
  readonly #receiver: StreamReceiver<T>;
  readonly #taken = new Notifier();
  readonly #draining = linkedController();
  #stored: (readonly T[])[] = [];
  #count = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(receiver: StreamReceiver<T>) {
    this.#receiver = receiver;
  }

  start(start: LocalSourceStart): void {
    this.#running = this.#run(start);
  }

  take(): readonly (readonly T[])[] {
    const taken = this.#stored;
    this.#stored = [];
    this.#count = 0;
    this.#taken.notify();
    return taken;
  }

  hasItems(): boolean {
    return this.#count > 0;
  }

  async drain(): Promise<void> {
    this.#draining.abort(new MillraceError('MR_ABORTED', 'the context receives no more'));
    await this.#running;
  }

  async #run({ clock, signal, onFault }: LocalSourceStart): Promise<void> {
    using life = linkedController(signal, this.#draining.signal);
    while (!life.signal.aborted) {
      try {
        await this.#receiver.receive({ store: (items) => this.#store(items, life.signal), signal: life.signal });
        if (life.signal.aborted) return;
        throw new Error('the receiver returned before it was told to stop');
      } catch (thrown) {
        if (life.signal.aborted) return;
        onFault(thrown, receiverRestartDelayMillis);
        await pause(clock, receiverRestartDelayMillis, life.signal);
      }
    }
  }

  async #store(items: readonly T[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!Array.isArray(items)) throw new MillraceError('MR_CONFIG_INVALID', 'store() takes an array of items');
    if (items.length > 0) this.#stored.push(items);
    this.#count += items.length;
    while (this.#count >= maximumStoredItems && !signal.aborted) {
      await Promise.race([this.#taken.wait(signal), aborted(signal)]);
    }
  }
}
