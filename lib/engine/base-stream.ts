import { MillraceError } from '../base/error.ts';
import type { Batch } from './batch.ts';
import type { Graph } from './graph.ts';
import type { PairKey } from './key.ts';
import type {
  ErasedFunction,
  ForeachBatchNode,
  NarrowKind,
  OperatorContext,
  OutputContext,
  SaveNode,
  StreamNode,
} from './node.ts';
import { nameOf } from './node-head.ts';
import { type Sink, type SinkGuarantee, checkSink } from './sink/sink.ts';
import { type DedupeFields, dedupeNode } from './state/dedupe.ts';
import type { Answer } from './stream-options.ts';
import { windowNode } from './window/window-nodes.ts';

/** A function of a program, of whatever type; its erased form is what the graph keeps. */
export type AnyFunction = (...args: never[]) => unknown;

/** Options of `dedupeBy`. */
export interface DedupeOptions {
  /** For how long an id is remembered, milliseconds: longer than a producer tries, such as 600,000. */
  readonly withinMillis: number;
  /**
   * How many ids are remembered at most, for each shard (in `application` scope, in all): 1,000,000, which takes some 200 MB.
   * Beyond it the oldest are forgotten before their time (event `ids.forgotten`).
   */
  readonly maximumIds?: number;
}

/** The default of the option of this name. */
const defaultMaximumIds = 1_000_000;

/** What a function that puts batches out says of itself. */
export interface OutputOptions {
  /**
   * `idempotent`: what it is given twice it shows once, and what is below the greatest (`fence.number`, `batch.id`) of its
   * group it refuses. `atLeastOnce`: it may show it again. Absent: it says nothing, which counts as `atLeastOnce`.
   */
  readonly guarantee?: SinkGuarantee;
  /**
   * `true`: a batch that is repeated after a crash must hold the same records under the same id, because its target is
   * named by the id. Each batch is then planned before it is processed, which costs a second write for each commit.
   * Default `false`.
   */
  readonly repeatable?: boolean;
}

/** How many items `print()` writes when it is not told (Spark's default). */
const defaultPrintLimit = 10;

/** What all streams can, whatever they hold: the operators that leave the items as they are, and the outputs. */
export class BaseStream<T> {
  /** The stream's node in the graph. */
  readonly node: StreamNode;
  protected readonly graph: Graph;

  constructor(graph: Graph, node: StreamNode) {
    this.graph = graph;
    this.node = node;
  }

  /**
   * The items of both streams, this one's first.
   * @throws MillraceError `MR_CONFIG_INVALID` when the other stream belongs to another context
   */
  union(other: this): this {
    const head = this.graph.head('union');
    return this.derive({ ...head, tag: 'union', parents: this.besides('union', other) });
  }

  /**
   * The same items, in their order, dealt into so many partitions of about the same size.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is not a whole number of at least 1
   */
  repartition(partitions: number): this {
    const head = this.graph.head('repartition');
    if (!Number.isInteger(partitions) || partitions < 1) {
      throw new MillraceError('MR_CONFIG_INVALID', `${nameOf(head)} needs a whole number of at least 1: ${partitions}`);
    }
    return this.derive({ ...head, tag: 'repartition', parent: this.node, partitions });
  }

  /**
   * All items of the last batches: at each multiple of the slide, those of the batches in (time - window, time]. The
   * partitions are those of the batches, which stay in memory as long as the window is. Without a slide a window is
   * given as often as this stream gives a batch. Both are milliseconds and multiples of that time.
   * @throws MillraceError `MR_CONFIG_INVALID`, at the start, when they are not
   */
  window(windowMillis: number, slideMillis?: number): this {
    return this.derive(windowNode(this.graph.head('window'), this.node, { windowMillis, slideMillis }));
  }

  /**
   * The items whose id was not seen before within the time: drops what a producer put twice, because it tried again.
   * `id` names the memory of what was seen in the store, and stays the same when the program changes. `idOf` gives the id
   * of an item: a text, finite number, bigint or boolean. Time is that of the batches; an id counts from when it is first
   * seen. Each shard remembers by itself, and hands its memory to its children; at a merge both are put together.
   * @throws MillraceError `MR_CONFIG_INVALID` for what is no function, and for a time or limit that is none
   */
  dedupeBy(id: string, idOf: (item: T, context: OperatorContext) => Answer<PairKey>, options: DedupeOptions): this {
    const head = this.graph.head('dedupeBy');
    const f = this.checked('dedupeBy', idOf) as DedupeFields['idOf'];
    const { withinMillis, maximumIds = defaultMaximumIds } = options ?? {};
    if (!(typeof withinMillis === 'number' && withinMillis > 0 && Number.isFinite(withinMillis))) {
      throw new MillraceError('MR_CONFIG_INVALID', `${nameOf(head)} needs withinMillis above 0: ${withinMillis}`);
    }
    if (!Number.isInteger(maximumIds) || maximumIds < 1) {
      const given = `${nameOf(head)} needs maximumIds, a whole number of at least 1: ${maximumIds}`;
      throw new MillraceError('MR_CONFIG_INVALID', given);
    }
    return this.derive(dedupeNode(head, this.node, { id, idOf: f, withinMillis, maximumIds }));
  }

  /**
   * Output: writes the first `limit` items (10) of each batch to the context's `output` in Spark's layout, and `...`
   * when there are more. Control characters come out escaped.
   * @throws MillraceError `MR_CONFIG_INVALID` when `limit` is not a whole number of at least 0
   */
  print(limit: number = defaultPrintLimit): void {
    if (!Number.isInteger(limit) || limit < 0) {
      throw new MillraceError('MR_CONFIG_INVALID', `print(${limit}) needs a whole number of at least 0`);
    }
    this.graph.outputs.push({ ...this.graph.head('print'), tag: 'print', parent: this.node, limit });
  }

  /**
   * Output: hands each batch to the function. The records count as finished when it, and every other output of the
   * batch, has returned; when it throws, it is called again with the same batch after a pause.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is not a function, and for a `guarantee` that is none
   */
  foreachBatch(f: (batch: Batch<T>, context: OutputContext) => unknown, options: OutputOptions = {}): void {
    const head = this.graph.head('foreachBatch');
    const { guarantee } = options;
    if (guarantee !== undefined && guarantee !== 'idempotent' && guarantee !== 'atLeastOnce') {
      const given = JSON.stringify(guarantee);
      throw new MillraceError('MR_CONFIG_INVALID', `guarantee is ${given}: give 'idempotent' or 'atLeastOnce'`);
    }
    this.graph.outputs.push({
      ...head,
      tag: 'foreachBatch',
      parent: this.node,
      f: this.checked('foreachBatch', f) as ForeachBatchNode['f'],
      guarantee: options.guarantee,
      repeatable: options.repeatable ?? false,
    });
  }

  /**
   * Output: gives each batch to a sink, such as `fileSink`, `kinesisSink`, `dynamoSink` or one of your own. The records
   * count as finished when it, and every other output of the batch, has resolved.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is no sink
   */
  writeTo(sink: Sink<T>): void {
    const head = this.graph.head('writeTo');
    const checked = checkSink(sink, nameOf(head)) as Sink<unknown>;
    this.graph.outputs.push({ ...head, tag: 'sink', parent: this.node, sink: checked });
  }

  /**
   * Output: writes each batch to a text file `<prefix>-<batch time>[.<suffix>]`, an item a line. A file appears whole or
   * not at all. In `shard` scope the name of the shard follows the time.
   * @throws MillraceError `MR_CONFIG_INVALID` when the prefix is empty
   */
  saveAsTextFiles(prefix: string, suffix?: string): void {
    this.#save('saveAsTextFiles', 'text', prefix, suffix);
  }

  /** Output: like {@link saveAsTextFiles}, an item a line as JSON; bigints become strings. */
  saveAsJsonLines(prefix: string, suffix = 'jsonl'): void {
    this.#save('saveAsJsonLines', 'json', prefix, suffix);
  }

  /**
   * Keeps what the stream gives for so long, milliseconds, so that `slice` can give it again.
   * @throws MillraceError `MR_CONFIG_INVALID` when it is not a number above 0
   */
  remember(durationMillis: number): this {
    const head = this.graph.head('remember');
    if (!(durationMillis > 0)) {
      throw new MillraceError('MR_CONFIG_INVALID', `${nameOf(head)} needs milliseconds above 0: ${durationMillis}`);
    }
    this.graph.remembered.set(this.node, Math.max(durationMillis, this.graph.remembered.get(this.node) ?? 0));
    return this;
  }

  /**
   * What the stream gave from one time to another, milliseconds since 1970, both included: the batches that were
   * completed and are still remembered. Give the context time to run first.
   * @throws MillraceError `MR_CONFIG_INVALID` before the start (Spark's rule), and for a stream that does not `remember`
   */
  slice(fromMillis: number, toMillis: number): Batch<T>[] {
    const fault =
      this.graph.state === 'INITIALIZED'
        ? 'was called before the context has started'
        : this.graph.remembered.has(this.node)
          ? undefined
          : 'was called of a stream that keeps nothing: declare it with remember(durationMillis) before the start';
    if (fault !== undefined) throw new MillraceError('MR_CONFIG_INVALID', `slice of ${nameOf(this.node)} ${fault}`);
    return this.graph.history.between(this.node.id, fromMillis, toMillis) as Batch<T>[];
  }

  #save(operator: string, format: SaveNode['format'], prefix: string, suffix: string | undefined): void {
    const head = this.graph.head(operator);
    if (typeof prefix !== 'string' || prefix === '') {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `${nameOf(head)} needs a path that the names of its files begin with`,
      );
    }
    this.graph.outputs.push({ ...head, tag: 'save', parent: this.node, format, prefix, suffix });
  }

  /** What the nodes of further operators are added to. */
  protected get site(): { readonly graph: Graph; readonly node: StreamNode } {
    return { graph: this.graph, node: this.node };
  }

  /** A stream of this one's kind on another node. */
  protected derive(node: StreamNode): this {
    return new (this.constructor as new (graph: Graph, node: StreamNode) => this)(this.graph, node);
  }

  /** A narrow operator on this stream. */
  protected narrow(operator: string, f: AnyFunction, kind = operator as NarrowKind): StreamNode {
    const head = this.graph.head(operator);
    return { ...head, tag: 'narrow', kind, parent: this.node, f: this.checked(operator, f) as ErasedFunction };
  }

  /**
   * This stream's node and the other's, for an operator on both.
   * @throws MillraceError `MR_CONFIG_INVALID` when the other belongs to another context
   */
  protected besides(operator: string, ...others: readonly BaseStream<unknown>[]): StreamNode[] {
    for (const other of others) {
      if (other.graph === this.graph) continue;
      const { site } = this.graph.head(operator);
      throw new MillraceError('MR_CONFIG_INVALID', `${operator} at ${site} joins streams of two contexts: use one`);
    }
    return [this.node, ...others.map((other) => other.node)];
  }

  /** @throws MillraceError `MR_CONFIG_INVALID` when what an operator was given is not a function */
  protected checked<F extends AnyFunction>(operator: string, f: F): F {
    return checkFunction(operator, f);
  }
}

/**
 * What an operator was given, when it is a function.
 * @throws MillraceError `MR_CONFIG_INVALID` when it is none
 */
export function checkFunction<F extends AnyFunction>(operator: string, f: F): F {
  if (typeof f === 'function') return f;
  throw new MillraceError('MR_CONFIG_INVALID', `${operator}() needs a function; it was given ${typeof f}`);
}
