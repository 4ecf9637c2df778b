import { MillraceError } from '../base/error.ts';
import type { KinesisRecord } from '../block/record.ts';
import { codecsOf } from './commit/plan-codecs.ts';
import { type StateConversion, checkConversions } from './commit/state-conversion.ts';
import { explainPlan } from './explain.ts';
import { type ContextState, Graph } from './graph.ts';
import type { Batch } from './batch.ts';
import type { History } from './history.ts';
import type { LocalSource } from './local-source.ts';
import type { InputNode, PrintTarget, TransformContext } from './node.ts';
import { type Plan, compilePlan } from './plan.ts';
import {
  type Generated,
  type GeneratorContext,
  type QueueStreamOptions,
  generatorSource,
  queueSource,
} from './queue-source.ts';
import { ReceiverSource, type StreamReceiver } from './receiver-source.ts';
import { type PacingOptions, checkPacing } from './rate/pacing-options.ts';
import type { StateStore } from './state-store.ts';
import { DStream } from './stream.ts';
import type { Answer, PartialOptions } from './stream-options.ts';

/** What a context is made with. */
export interface EngineContextOptions extends PacingOptions {
  /** How often a batch is cut, milliseconds, a whole number from 1 to a day. Batch times are its exact multiples, or, where state goes on that began under another interval, so many milliseconds apart. */
  readonly batchIntervalMillis: number;
  /** Where `print()` writes; without it, where the run says. */
  readonly output?: PrintTarget;
  /** Where state is kept; operators like `updateStateByKey` do not start without it. `memoryState()` is one. */
  readonly state?: StateStore;
  /** By operator id: how the state is read that an earlier program left under another id, or in another shape. */
  readonly convertState?: Readonly<Record<string, StateConversion>>;
}

/** The longest batch interval, milliseconds. */
export const longestBatchIntervalMillis = 86_400_000;

/**
 * Where a program declares its streams. It is built first (INITIALIZED), then sealed into a plan that runs (ACTIVE),
 * and then over (STOPPED), by the rules of Spark's StreamingContext: nothing can be added after the start, and a
 * context that stopped, or failed to start, does not start again.
 */
export class EngineContext {
  readonly batchIntervalMillis: number;
  readonly output: PrintTarget | undefined;
  readonly #graph = new Graph();
  readonly #store: StateStore | undefined;
  readonly #pacing: PacingOptions;
  readonly #convertState: EngineContextOptions['convertState'];
  #plan: Plan | undefined;

  /** @throws MillraceError `MR_CONFIG_INVALID` when the interval is not a whole number from 1 to a day */
  constructor(options: EngineContextOptions) {
    const { batchIntervalMillis } = options;
    if (
      !Number.isInteger(batchIntervalMillis) ||
      batchIntervalMillis < 1 ||
      batchIntervalMillis > longestBatchIntervalMillis
    ) {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `batchIntervalMillis is ${batchIntervalMillis}: give a whole number of milliseconds from 1 to ${longestBatchIntervalMillis}`,
        { subject: { option: 'batchIntervalMillis' } },
      );
    }
    this.batchIntervalMillis = batchIntervalMillis;
    this.output = options.output;
    this.#pacing = checkPacing(options);
    this.#store = options.state;
    this.#convertState = options.convertState;
  }

  /** INITIALIZED while it is being built, ACTIVE once sealed, STOPPED at the end or after a start that failed. */
  get state(): ContextState {
    return this.#graph.state;
  }

  /**
   * Adds a stream from outside; `name` is the Kinesis stream whose blocks it takes. A context's only input takes
   * every block, whatever its stream is called.
   * @throws MillraceError `MR_CONFIG_INVALID` for a second input of one name, and after the start
   */
  addInput<T = KinesisRecord>(name: string): DStream<T> {
    const head = this.#graph.head('input');
    if (this.#graph.inputs.some((input) => input.name === name)) {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `the context reads ${JSON.stringify(name)} already: use the stream that its first declaration returned`,
        { subject: { stream: name } },
      );
    }
    const node = { ...head, tag: 'input' as const, name, from: 'blocks' as const };
    this.#graph.inputs.push(node);
    return new DStream<T>(this.#graph, node);
  }

  /**
   * A stream of what an array holds, entry by entry, each entry the items of a batch (Spark's `queueStream`). The program
   * may go on filling the array. For tests and replays: what was taken is gone with the process.
   */
  queueStream<T>(queue: (readonly T[])[], options: QueueStreamOptions<T> = {}): DStream<T> {
    return this.#addLocal<T>('queueStream', queueSource(queue, options));
  }

  /** A stream of what a function, maybe async, makes of each batch time: items, or `null` for no batch. */
  generatorStream<T>(generate: (context: GeneratorContext) => Generated<T> | PromiseLike<Generated<T>>): DStream<T> {
    if (typeof generate !== 'function') {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `generatorStream() needs a function; it was given ${typeof generate}`,
      );
    }
    return this.#addLocal<T>('generatorStream', generatorSource(generate));
  }

  /**
   * A stream of what a receiver of the program's own hands in. A receiver that throws, or returns before it is told to
   * stop, is started anew after 2 s. What was handed in and not yet processed is gone with the process.
   */
  receiverStream<T>(receiver: StreamReceiver<T>): DStream<T> {
    if (typeof receiver?.receive !== 'function') {
      throw new MillraceError('MR_CONFIG_INVALID', 'receiverStream() needs an object with a method receive()');
    }
    return this.#addLocal<T>('receiverStream', new ReceiverSource(receiver));
  }

  #addLocal<T>(operator: string, source: LocalSource): DStream<T> {
    const head = this.#graph.head(operator);
    const node: InputNode = { ...head, tag: 'input', name: `${operator}#${head.id}`, from: 'local', source };
    this.#graph.inputs.push(node);
    return new DStream<T>(this.#graph, node);
  }

  /**
   * Whatever the function makes of the batches of several streams at the same time, in the order of the array: a batch, or
   * an array for one partition.
   * @throws MillraceError `MR_CONFIG_INVALID` for streams of another context, and for what is no function
   */
  transform<T, U>(
    streams: readonly DStream<T>[],
    f: (batches: readonly Batch<T>[], context: TransformContext) => Answer<Batch<U> | readonly U[]>,
    options: PartialOptions = {},
  ): DStream<U> {
    const [first, ...others] = streams;
    if (first === undefined) throw new MillraceError('MR_CONFIG_INVALID', 'transform() needs at least one stream');
    return first.transformAll(others, f, options);
  }

  /** The items of all the streams, in the order of the arguments. */
  union<T>(first: DStream<T>, ...others: readonly DStream<T>[]): DStream<T> {
    return others.reduce((all, stream) => all.union(stream), first);
  }

  /**
   * Ends the building and gives the plan; the context is then ACTIVE. Sealing it again gives the same plan. `observed`
   * are streams that somebody will evaluate beside the outputs, as a test harness does.
   * @throws MillraceError `MR_CONFIG_INVALID` when no output is declared (the context is then STOPPED), and when it
   * is STOPPED already
   */
  seal(observed: readonly DStream<unknown>[] = []): Plan {
    if (this.#plan !== undefined && this.state === 'ACTIVE') return this.#plan;
    if (this.state === 'STOPPED') {
      throw new MillraceError('MR_CONFIG_INVALID', 'the context is stopped and does not start again: make a new one');
    }
    try {
      this.#plan = this.#compile(observed);
      this.#graph.become('ACTIVE');
      return this.#plan;
    } catch (thrown) {
      this.#graph.become('STOPPED');
      throw thrown;
    }
  }

  /**
   * The plan as text: its scope with the reason, what is computed in one pass, what is regrouped, what is kept for
   * several readers. May be asked before the start.
   * @throws MillraceError `MR_CONFIG_INVALID` for what the start would refuse
   */
  explain(): string {
    return explainPlan(this.preview());
  }

  /**
   * The plan as it would be sealed now, for whoever must know its scope before the start.
   * @throws MillraceError `MR_CONFIG_INVALID` for what the start would refuse
   */
  preview(): Plan {
    return this.#plan ?? this.#compile([]);
  }

  /** Where what streams `remember` is kept, for whoever runs the context. */
  get history(): History {
    return this.#graph.history;
  }

  #compile(observed: readonly DStream<unknown>[]): Plan {
    const { inputs, outputs, remembered } = this.#graph;
    const plan = compilePlan({
      batchIntervalMillis: this.batchIntervalMillis,
      output: this.output,
      pacing: this.#pacing,
      inputs,
      outputs,
      remembered: Array.from(remembered, ([node, keepMillis]) => ({ node, keepMillis })),
      hasStore: this.#store !== undefined,
      isDurable: this.#store?.isDurable === true,
      ...(observed.length === 0 ? {} : { observed: observed.map((stream) => stream.node) }),
    });
    checkConversions(this.#convertState, codecsOf(plan));
    return plan;
  }

  /** Marks the context as STOPPED; for whoever runs it, when the run has ended. Doing it twice does nothing. */
  retire(): void {
    if (this.state !== 'STOPPED') this.#graph.become('STOPPED');
  }
}
