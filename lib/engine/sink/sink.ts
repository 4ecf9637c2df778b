import { MillraceError } from '../../base/error.ts';
import type { Fence } from '../commit/fence.ts';
import type { BatchIds } from '../commit/manifest.ts';

/**
 * What a sink promises of items that it is given twice, after a crash or a failed try:
 *
 * - `idempotent`: it shows them once, and a process that is no longer the holder changes nothing unnoticed
 * - `atLeastOnce`: it may show them again
 */
export type SinkGuarantee = 'idempotent' | 'atLeastOnce';

/** What a sink is told beside the items. */
export interface SinkContext {
  /** The application, where batches are committed. Two applications may have groups of one name. */
  readonly application?: string;
  /** The commit group: a shard in `shard` scope, `application` in `application` scope. Groups do not wait for each other. */
  readonly group: string;
  /** Number of the batch in its group, from 1. */
  readonly batchId: number;
  /** The batch time, milliseconds since 1970. */
  readonly batchTimeMillis: number;
  /**
   * Under which holding the batch will be committed, where batches are committed: a greater number is a later holder. A
   * sink that overwrites refuses a (fence, batch id) below the greatest that it took of the group; one whose target is
   * named by the batch id may ignore it.
   */
  readonly fence?: Fence;
  /**
   * Earlier batches of the group that a rewind has taken back, by id: what they put out counts for nothing, and their records
   * come again in batches of other ids. Where the target is named by the batch id, take away what is there under these.
   * Told with every batch from the rewind on; absent where none is void.
   */
  readonly voided?: readonly BatchIds[];
  /** The number of the partition, from 0; always 0 for a sink that takes whole batches. */
  readonly partition: number;
  /** 1 for the first try of this output with this batch, then 2 and so on. */
  readonly attempt: number;
  /** Aborts when the run ends at once, or when the lease of the batch's only shard is lost. */
  readonly signal: AbortSignal;
}

/**
 * Where the results of a stream go. `sinkSuite` of `millrace/testkit` says what every sink must do; run it for yours.
 * One sink is for one output: two outputs of one name would write over each other.
 */
export interface Sink<T> {
  /** The target for people, such as `file:/var/out`; no secrets. Two outputs of one context need different names. */
  readonly name: string;
  readonly guarantee: SinkGuarantee;
  /**
   * Whether a batch that is repeated after a crash must hold the same items under the same id: for targets that are named
   * by the batch id, and values that belong to one batch. Each batch is then planned before it is processed, which costs
   * a second write for each commit.
   */
  readonly repeatable: boolean;
  /**
   * `batches` (the default): one call for each batch, with all items in order, also when there are none. `partitions`: one
   * call for each partition, one after the other.
   */
  readonly takes?: 'batches' | 'partitions';
  /**
   * Writes the items; they are durable when it resolves. What it throws is tried again with the same batch after a pause.
   * @throws the signal's reason when that aborts; `MR_SINK_FENCED` for what is older than what the sink has
   */
  write(items: readonly T[], context: SinkContext): Promise<void>;
}

/**
 * Whether (fence, batch id) is below the greatest that a sink took of a group: then it is of a holder that is none any more,
 * or a late repetition.
 */
export function isBelow(
  one: { readonly fence: number; readonly batchId: number },
  greatest: { readonly fence: number; readonly batchId: number },
): boolean {
  return one.fence < greatest.fence || (one.fence === greatest.fence && one.batchId < greatest.batchId);
}

/** The refusal of a sink: what it was given is older than what it has. */
export function fencedError(sink: string, { group, batchId, fence }: SinkContext): MillraceError {
  return new MillraceError(
    'MR_SINK_FENCED',
    `${sink} has taken a later batch, or one of a later holder, than batch ${batchId} of ${group} under ${fence?.kind ?? 'fence'} ${fence?.number ?? 0}; nothing of it was written`,
    { subject: { batch: `${group}/${batchId}` } },
  );
}

/**
 * What `writeTo` was given, when it is a sink.
 * @throws MillraceError `MR_CONFIG_INVALID` when it is none
 */
export function checkSink<T>(sink: Sink<T>, where: string): Sink<T> {
  const given: Partial<Sink<T>> = typeof sink === 'object' && sink !== null ? sink : {};
  const missing =
    typeof given.name !== 'string' || given.name === ''
      ? 'name, the target for people'
      : given.guarantee !== 'idempotent' && given.guarantee !== 'atLeastOnce'
        ? "guarantee, 'idempotent' or 'atLeastOnce'"
        : typeof given.repeatable !== 'boolean'
          ? 'repeatable, true or false'
          : given.takes !== undefined && given.takes !== 'batches' && given.takes !== 'partitions'
            ? "takes, 'batches' or 'partitions'"
            : typeof given.write !== 'function'
              ? 'write, a function'
              : undefined;
  if (missing === undefined) return sink;
  throw new MillraceError('MR_CONFIG_INVALID', `${where} needs a sink, which has ${missing}`);
}
