import { linkedController } from '../base/abort.ts';
import { MillraceError } from '../base/error.ts';
import type { KinesisRecord } from '../block/record.ts';
import { EngineContext, type EngineContextOptions } from '../engine/context.ts';
import { createEngine } from '../engine/engine.ts';
import type { DStream } from '../engine/stream.ts';
import { EventBus, type EventListener } from '../event/bus.ts';
import { type Assembly, assemble, settingsOfProgram } from './assembly.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import type { RunOptions } from './consumer.ts';
import { runTogether } from './run-together.ts';
import { drainWithin } from './shutdown.ts';
import { listenForSignals } from './signals.ts';

/** Options of a {@link StreamingContext}. */
export interface StreamingContextOptions extends EngineContextOptions {
  /** The name that all workers of the program share; it names the lease table. */
  readonly applicationName: string;
  /** Further tries of a batch whose functions failed: 3; -1 means without end. Then the run ends with `MR_HANDLER_FAILED`. */
  readonly maximumRetryAttempts?: number;
}

/** Options of {@link StreamingContext.kinesisStream}: those of a consumer without what the context says for all. */
export type KinesisStreamOptions = Omit<ConsumerOptions, 'applicationName' | 'onFailure'>;

/** How many batch intervals' blocks may wait or be processed before reading stops. */
const batchesInMemory = 3;

/**
 * A micro-batch program over a Kinesis stream, in the shape of Spark's StreamingContext: declare streams and outputs, then
 * run. In `shard` scope every worker of the application computes the shards that it holds; a plan of `application` scope
 * needs all shards in one process and refuses to run beside another worker (`MR_ENGINE_NOT_ALONE`).
 */
export class StreamingContext extends EngineContext {
  readonly #options: StreamingContextOptions;
  readonly #bus = new EventBus();
  #settings: ConsumerSettings | undefined;
  #assembly: Assembly | undefined;
  #drain: (() => Promise<void>) | undefined;
  #stop: (() => Promise<void>) | undefined;

  /** @throws MillraceError `MR_CONFIG_INVALID` for a batch interval that is not a whole number of milliseconds */
  constructor(options: StreamingContextOptions) {
    super(options);
    this.#options = options;
  }

  /** Every event of the program. */
  get events(): { subscribe(listener: EventListener): () => void } {
    return this.#bus;
  }

  /**
   * Declares the Kinesis stream to read. In this version a context reads one.
   * @throws MillraceError `MR_CONFIG_INVALID`, `MR_CONFIG_UNKNOWN` for the options, and for a second stream
   */
  kinesisStream(options: KinesisStreamOptions): DStream<KinesisRecord> {
    if (this.#settings !== undefined) {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `this context reads stream ${this.#settings.streamName} already, and in this version it reads one; make another context for the other stream`,
      );
    }
    const given = settingsOfProgram({ ...options, applicationName: this.#options.applicationName });
    const settings = { ...given, maxUnackedBlocks: options.maxUnackedBlocks ?? this.#blocksOfBatches(given) };
    const stream = this.addInput<KinesisRecord>(settings.streamName);
    this.#settings = settings;
    return stream;
  }

  /**
   * A batch holds the blocks of a whole interval, and the next one's arrive while it is processed: reading must not stop
   * for either. The byte budget stays the limit on memory.
   */
  #blocksOfBatches({ maxUnackedBlocks, blockIntervalMillis }: ConsumerSettings): number {
    return Math.max(maxUnackedBlocks, Math.ceil((batchesInMemory * this.batchIntervalMillis) / blockIntervalMillis));
  }

  /**
   * Runs the program until a bounded stream is done or a drain has finished. A context runs once.
   * @throws MillraceError what ended the run: `MR_ENGINE_NOT_ALONE`, `MR_HANDLER_FAILED`, `MR_DRAIN_TIMEOUT`, ...
   */
  async run(options: RunOptions = {}): Promise<void> {
    if (this.#settings === undefined) {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        'the context reads nothing; declare a stream with kinesisStream first',
      );
    }
    if (this.#assembly !== undefined) {
      throw new MillraceError('MR_CONFIG_INVALID', 'a context runs once; make another one');
    }
    const plan = this.seal();
    const assembly = assemble(this.#settings, this.#bus, plan.scope === 'application');
    this.#assembly = assembly;
    using life = linkedController(options.signal);
    const unlisten = listenForSignals(options.signals ?? [], {
      onFirst: () => void this.drain().catch(() => {}),
      onSecond: (signal) => life.abort(new MillraceError('MR_ABORTED', `a second ${signal} ended the run at once`)),
    });
    try {
      await this.#runEngine(assembly, plan, life);
    } finally {
      unlisten();
      await assembly[Symbol.asyncDispose]();
      this.retire();
    }
  }

  async #runEngine(
    assembly: Assembly,
    plan: ReturnType<EngineContext['seal']>,
    life: ReturnType<typeof linkedController>,
  ): Promise<void> {
    const { receiver, clock, random, events, settings } = assembly;
    const { maximumRetryAttempts } = this.#options;
    const engine = createEngine({
      plan,
      source: receiver,
      clock,
      random,
      events,
      ...(maximumRetryAttempts === undefined ? {} : { maximumRetryAttempts }),
    });
    // The engine finishes what the receiver hands out, so both drain under one deadline.
    this.#drain = () =>
      drainWithin(settings.shutdownGraceMillis, clock, (deadline) =>
        Promise.all([receiver.drain(deadline), engine.drain(deadline)]),
      );
    this.#stop = async () => {
      await Promise.all([engine.stop(), receiver.stop().catch(() => {})]);
    };
    await runTogether(receiver, life, engine.run(life.signal));
  }

  /** Ends the run: finishes what was read, runs the last batches, checkpoints, releases the leases. At most `shutdownGraceMillis`. */
  async drain(): Promise<void> {
    await this.#drain?.();
  }

  /** Ends the run at once; what is not finished is left to the next run. */
  async stop(): Promise<void> {
    await this.#stop?.();
  }
}
