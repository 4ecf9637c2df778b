import { type BackoffOptions, backoffMillis } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import type { KinesisApi, PutEntry, PutResult } from './kinesis-api.ts';
import { patiently } from './patience.ts';

/** Where a record was put. */
export interface PutReceipt {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/** What {@link createProducer} needs. */
export interface ProducerOptions {
  readonly api: KinesisApi;
  readonly clock: Clock;
  readonly random: Random;
  /** How often one record is offered before the producer gives up: 20. */
  readonly maxAttempts?: number;
  /** How long calls may fail without an answer: 30,000 ms. */
  readonly unreachableTimeoutMillis?: number;
}

/** Puts records, for demos and benches: no aggregation, one batch at a time. */
export interface Producer {
  /**
   * Puts all entries and answers their receipts in the order of the entries. Records that Kinesis refuses are offered
   * again, those it took are not; so a record may land after a later one of the same call. A call without an answer
   * is repeated, and may have been applied: records can then be in the stream twice, with one receipt.
   * @throws MillraceError `MR_THROTTLED` when some are still refused after `maxAttempts`, naming how many; the
   * signal's reason when it aborts; else what the call throws
   */
  putAll(entries: readonly PutEntry[], signal: AbortSignal): Promise<readonly PutReceipt[]>;
}

/** Limits of one PutRecords call (the service's). */
const maxBatchRecords = 500;
const maxBatchBytes = 5 * 1024 * 1024;
const refusedBackoff: BackoffOptions = { baseMillis: 100, capMillis: 5_000 };

/** Makes a {@link Producer}. */
export function createProducer(options: ProducerOptions): Producer {
  return {
    async putAll(entries, signal) {
      const receipts: PutReceipt[] = [];
      for (const batch of batchesOf(entries)) receipts.push(...(await putBatch(options, batch, signal)));
      return receipts;
    },
  };
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
  const maxAttempts = options.maxAttempts ?? 20;
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
        receipts.set(item.index, { shardId: result.shardId, sequenceNumber: result.sequenceNumber });
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
