import type { LinkedController } from '../base/abort.ts';
import { MillraceError } from '../base/error.ts';
import { EventBus, type EventListener } from '../event/bus.ts';
import type { StreamingListener } from '../monitor/listener.ts';
import type { Snapshot } from '../monitor/snapshot/snapshot.ts';
import { type Assembly, type EngineNeeds, assemble } from './assembly.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import type { RunOptions } from './run-options.ts';
import { drainWithin } from './shutdown.ts';
import { listenForSignals } from './signals.ts';
import { Watch, addListener, emptySnapshot } from './watch.ts';

/** What consumers and the receivers of foreign engines have in common: one run, what is told of it, and how it is ended. */
export abstract class ReadingRun implements AsyncDisposable {
  protected readonly settings: ConsumerSettings;
  protected readonly bus = new EventBus();
  #assembly: Assembly | undefined;
  #watch: Watch | undefined;

  constructor(settings: ConsumerSettings) {
    this.settings = settings;
  }

  get events(): { subscribe(listener: EventListener): () => void } {
    return this.bus;
  }

  addStreamingListener(listener: StreamingListener): () => void {
    return addListener(this.bus, listener, () => this.#watch);
  }

  snapshot(): Snapshot {
    return this.#watch?.monitor.snapshot() ?? emptySnapshot(this.settings.applicationName);
  }

  async drain(): Promise<void> {
    const assembly = this.#assembly;
    if (assembly !== undefined) await this.drainWithin((deadline) => assembly.receiver.drain(deadline));
  }

  async stop(): Promise<void> {
    await this.#assembly?.receiver.stop().catch(() => {});
  }

  /** Drains. A fault of the run is not told again: whoever runs it has it from there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain().catch(() => {});
  }

  /**
   * Begins the run: assembles the worker with settings made of those of the options.
   * @throws MillraceError `MR_CONFIG_INVALID` with this message when there was one
   */
  protected begin(settings: ConsumerSettings, again: string, engine: EngineNeeds = {}): Assembly {
    if (this.#assembly !== undefined) throw new MillraceError('MR_CONFIG_INVALID', again);
    this.#watch = new Watch(this.bus, [this.settings]);
    this.#watch.start();
    const onDrainRequested = () => void this.drain().catch(() => {});
    this.#assembly = assemble(settings, this.bus, { ...engine, onDrainRequested });
    return this.#assembly;
  }

  /** Serves the page of the run where the options ask for one. */
  protected async serve(): Promise<void> {
    if (this.settings.ui !== undefined) await this.#watch?.serve(this.settings.ui);
  }

  /** Has the first signal of the process drain the run, and the second one end it at once; the returned function ends it. */
  protected listen(options: RunOptions, life: Pick<LinkedController, 'abort'>): () => void {
    return listenForSignals(options.signals ?? [], {
      onFirst: () => void this.drain().catch(() => {}),
      onSecond: (signal) => life.abort(new MillraceError('MR_ABORTED', `a second ${signal} ended the run at once`)),
    });
  }

  protected drainWithin(drain: (deadline: AbortSignal) => Promise<unknown>): Promise<void> {
    const { clock, settings } = this.#assembly as Assembly;
    return drainWithin(settings.shutdownGraceMillis, clock, drain);
  }

  /** The run is over. */
  protected async end(): Promise<void> {
    await this.#watch?.end();
    await this.#assembly?.[Symbol.asyncDispose]();
  }
}
