import assert from 'node:assert/strict';
import type { Clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import type { FanOutApi } from '../../kinesis/fan-out-api.ts';
import type { GetRecordsAnswer, KinesisApi, PutResult, RawRecord, StartPosition } from '../../kinesis/kinesis-api.ts';
import { patiently } from '../../kinesis/patience.ts';
import type { Shard } from '../../kinesis/shard.ts';
import { listAllShards } from '../../kinesis/shard-lister.ts';
import { VirtualClock } from '../virtual-clock.ts';

/** One stream of its own, fresh and ACTIVE, and what a case needs to change it. */
export interface KinesisSubject {
  readonly streamName: string;
  readonly api: KinesisApi;
  /** The calls of enhanced fan-out, for the suite of a reader that needs them. */
  readonly fanOut?: FanOutApi;
  /** The time by which the service and its readers wait. */
  readonly clock: Clock;
  /** The calls for a stream that does not exist. */
  readonly missing: KinesisApi;
  /** Splits a shard in the middle and waits until the stream is ACTIVE. */
  split(shardId: string): Promise<void>;
  /** Merges two adjacent shards and waits until the stream is ACTIVE. */
  merge(shardId: string, adjacentShardId: string): Promise<void>;
}

/** Something that answers as Kinesis does: the service, an emulator, or the model. */
export interface KinesisBench {
  createStream(shardCount: number): Promise<KinesisSubject>;
}

/** Virtual time that one wait of a case may take. */
const caseLimitMillis = 60_000;

const never = new AbortController().signal;

/** A {@link KinesisSubject} with the handful of moves that the cases are made of. */
export class Stage {
  readonly subject: KinesisSubject;

  constructor(subject: KinesisSubject) {
    this.subject = subject;
  }

  /** Waits for a promise; lets virtual time pass for it where time is virtual. */
  run<T>(promise: Promise<T>): Promise<T> {
    const { clock } = this.subject;
    return clock instanceof VirtualClock ? clock.runUntil(promise, { atMostMillis: caseLimitMillis }) : promise;
  }

  /** Repeats a call until it is not throttled. */
  call<T>(call: (api: KinesisApi, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { api, clock } = this.subject;
    return this.run(patiently(() => call(api, never), { clock, random: seededRandom(1), signal: never }));
  }

  shards(): Promise<readonly Shard[]> {
    const { api, clock } = this.subject;
    return this.run(listAllShards({ api, clock, random: seededRandom(1), signal: never }));
  }

  /** Puts texts, each with its own number as partition key, into the shard that holds the explicit hash key. */
  async put(texts: readonly string[], explicitHashKey?: string): Promise<readonly (PutResult & { ok: true })[]> {
    const entries = texts.map((text, index) => ({
      data: new TextEncoder().encode(text),
      partitionKey: String(index),
      ...(explicitHashKey === undefined ? {} : { explicitHashKey }),
    }));
    const results = await this.call((api, signal) => api.putRecords(entries, signal));
    return results.map((result) => {
      assert.ok(result.ok, 'the record is put');
      return result;
    });
  }

  async open(shardId: string, start: StartPosition): Promise<string> {
    return this.call((api, signal) => api.getShardIterator({ shardId, start }, signal));
  }

  read(iterator: string, limit = 10_000): Promise<GetRecordsAnswer> {
    return this.call((api, signal) => api.getRecords({ iterator, limit }, signal));
  }

  /** Opens the shard and reads once. */
  async readFrom(shardId: string, start: StartPosition, limit?: number): Promise<GetRecordsAnswer> {
    return this.read(await this.open(shardId, start), limit);
  }
}

/** The texts of records. */
export function textsOf(records: readonly Pick<RawRecord, 'data'>[]): readonly string[] {
  return records.map((record) => new TextDecoder().decode(record.data));
}

/** `prefix-0`, `prefix-1` and so on. */
export function manyTexts(count: number, prefix = 'text'): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}
