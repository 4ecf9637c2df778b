import { type BackoffOptions, backoffMillis } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { KinesisApi, PutEntry, PutResult } from './kinesis-api.ts';
import type { AggregateLimits } from './kpl/aggregate-builder.ts';
import { type PlacedEntry, type PutReceipt, bundlesOf, hasArrived, placed } from './kpl/aggregated-put.ts';
import { ShardMap } from './kpl/shard-map.ts';
import { patiently } from './patience.ts';
import { listAllShards } from './shard-lister.ts';

export type { PutReceipt } from './kpl/aggregated-put.ts';

/** What {@link createProducer} needs. */
export interface ProducerOptions {
  readonly api: KinesisApi;
  readonly clock: Clock;
  readonly random: Random;
  /** How often one record is offered before the producer gives up: 20. */
  readonly maxAttempts?: number;
  /** How long calls may fail without an answer: 30,000 ms. */
  readonly unreachableTimeoutMillis?: number;
  /**
   * Puts many entries in one record, in the format of the KPL. An empty object takes the KPL's limits: 51,200 bytes, and
   * as many entries as fit. Absent: each entry is a record of its own.
   */
  readonly aggregation?: Partial<AggregateLimits>;
}

/** Puts records, for demos and benches: one batch at a time. */
export interface Producer {
  /**
   * Puts all entries and answers their receipts in the order of the entries. Records that Kinesis refuses are offered
   * again, those it took are not; so a record may land after a later one of the same call. A call without an answer
   * is repeated, and may have been applied: records can then be in the stream twice, with one receipt. So can those of an
   * aggregate that a reshard has sent to another shard than it was made for: all of it is put again.
   * @throws MillraceError `MR_THROTTLED` when some are still refused after `maxAttempts`, naming how many;
   * `MR_CONFIG_INVALID` for an explicit hash key that is none; the signal's reason when it aborts; else what the call
   * throws
   */
  putAll(entries: readonly PutEntry[], signal: AbortSignal): Promise<readonly PutReceipt[]>;
}

/** Limits of one PutRecords call (the service's). */
const maxBatchRecords = 500;
const maxBatchBytes = 5 * 1024 * 1024;
const defaultAttempts = 20;
const refusedBackoff: BackoffOptions = { baseMillis: 100, capMillis: 5_000 };

/** The KPL's AggregationMaxSize, and its bounds; a record of 1 MiB includes its partition key. */
const defaultAggregateBytes = 51_200;
const leastAggregateBytes = 64;
const mostAggregateBytes = 1024 * 1024 - 1;

/**
 * Makes a {@link Producer}.
 * @throws MillraceError `MR_CONFIG_INVALID` for limits of `aggregation` that are out of bounds
 */
export function createProducer(options: ProducerOptions): Producer {
  const { aggregation } = options;
  if (aggregation === undefined) return { putAll: (entries, signal) => putRecords(options, entries, signal) };
  const limits = limitsOf(aggregation);
  let map: ShardMap | undefined;
  const newMap = async (signal: AbortSignal) => (map = new ShardMap(await listAllShards({ ...options, signal })));
  return {
    async putAll(entries, signal) {
      const receipts = new Map<number, PutReceipt>();
      let waiting = placed(entries);
      for (let attempt = 1; waiting.length > 0; attempt += 1) {
        if (attempt > (options.maxAttempts ?? defaultAttempts)) throw notPlaced(waiting.length, attempt - 1);
        // A reshard takes a while, and its shards are not listed at once.
        if (attempt > 1) await sleep(options.clock, backoffMillis(refusedBackoff, attempt - 1, options.random), signal);
        waiting = await putBundles(waiting, map ?? (await newMap(signal)), receipts, signal);
      }
      return entries.map((_, index) => receipts.get(index) as PutReceipt);
    },
  };

  /** Puts entries in aggregates; answers with those that have to be put again, since the stream was resharded. */
  async function putBundles(
    entries: readonly PlacedEntry[],
    known: ShardMap,
    receipts: Map<number, PutReceipt>,
    signal: AbortSignal,
  ): Promise<readonly PlacedEntry[]> {
    const bundles = bundlesOf(entries, known, limits);
    const puts = bundles.map((bundle) => bundle.put);
    const arrived = await putRecords(options, puts, signal);
    const isResharded = bundles.some(({ shardId }, place) => shardId !== arrived[place]?.shardId);
    const newest = isResharded ? await newMap(signal) : known;
    const again: PlacedEntry[] = [];
    for (const [place, bundle] of bundles.entries()) {
      const receipt = arrived[place] as PutReceipt;
      if (!hasArrived(bundle, receipt, newest)) again.push(...bundle.members);
      else bundle.members.forEach(({ index }, sub) => receipts.set(index, { ...receipt, subSequenceNumber: sub }));
    }
    return again.toSorted((a, b) => a.index - b.index);
  }
}

function limitsOf({ maxBytes, maxRecords }: Partial<AggregateLimits>): AggregateLimits {
  const limits = { maxBytes: maxBytes ?? defaultAggregateBytes, maxRecords: maxRecords ?? Number.MAX_SAFE_INTEGER };
  const isWhole = Number.isSafeInteger(limits.maxBytes) && Number.isSafeInteger(limits.maxRecords);
  if (
    isWhole &&
    limits.maxBytes >= leastAggregateBytes &&
    limits.maxBytes <= mostAggregateBytes &&
    limits.maxRecords > 0
  )
    return limits;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `aggregation with maxBytes ${limits.maxBytes} and maxRecords ${limits.maxRecords}: give whole numbers, ` +
      `maxBytes from ${leastAggregateBytes} to ${mostAggregateBytes} and maxRecords from 1`,
  );
}

async function putRecords(
  options: ProducerOptions,
  entries: readonly PutEntry[],
  signal: AbortSignal,
): Promise<readonly PutReceipt[]> {
  const receipts: PutReceipt[] = [];
  for (const batch of batchesOf(entries)) receipts.push(...(await putBatch(options, batch, signal)));
  return receipts;
}

/** Cuts entries into calls that the service accepts: 500 records, 5 MiB of data and partition keys. */
export function batchesOf(entries: readonly PutEntry[]): readonly (readonly PutEntry[])[] {
  const batches: PutEntry[][] = [];
  let batch: PutEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.data.length + Buffer.byteLength(entry.partitionKey);
    if (batch.length === maxBatchRecords || (batch.length > 0 && bytes + size > maxBatchBytes)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

type Refusal = Extract<PutResult, { ok: false }>;

async function putBatch(
  options: ProducerOptions,
  batch: readonly PutEntry[],
  signal: AbortSignal,
): Promise<readonly PutReceipt[]> {
  const maxAttempts = options.maxAttempts ?? defaultAttempts;
  const receipts = new Map<number, PutReceipt>();
  let waiting = batch.map((entry, index) => ({ entry, index }));
  for (let attempt = 1; ; attempt += 1) {
    const results = await patiently(
      () =>
        options.api.putRecords(
          waiting.map((item) => item.entry),
          signal,
        ),
      {
        ...options,
        signal,
        maxThrottles: maxAttempts,
      },
    );
    let refusal: Refusal | undefined;
    const refused: typeof waiting = [];
    for (const [place, item] of waiting.entries()) {
      const result = results[place];
      if (result?.ok === true) {
        const { shardId, sequenceNumber } = result;
        receipts.set(item.index, { shardId, sequenceNumber, subSequenceNumber: 0 });
      } else {
        refused.push(item);
        refusal = result;
      }
    }
    if (refusal === undefined) break;
    if (attempt >= maxAttempts) throw notPut(refused.length, batch.length, attempt, refusal);
    waiting = refused;
    await sleep(options.clock, backoffMillis(refusedBackoff, attempt, options.random), signal);
  }
  return batch.map((_, index) => receipts.get(index) as PutReceipt);
}

function notPut(refused: number, offered: number, attempts: number, last: Refusal): MillraceError {
  return new MillraceError(
    'MR_THROTTLED',
    `${refused} of ${offered} records were not put after ${attempts} attempts; the last refusal: ` +
      `${last.errorCode}: ${last.errorMessage}; put more slowly, or add shards`,
  );
}

function notPlaced(waiting: number, attempts: number): MillraceError {
  return new MillraceError(
    'MR_INTERNAL',
    `${waiting} records did not come to the shard of their key in ${attempts} attempts; put them without aggregation ` +
      `when the stream distributes records without regard to keys, else when its resharding is over`,
  );
}
