import { readFileSync } from 'node:fs';
import path from 'node:path';
import { KinesisRecord } from '../../../lib/block/record.ts';
import type { MillraceEvent } from '../../../lib/event/event.ts';
import type { PutEntry } from '../../../lib/kinesis/kinesis-api.ts';
import { AggregateBuilder } from '../../../lib/kinesis/kpl/aggregate-builder.ts';
import { Deaggregator, type DeaggregatorOptions } from '../../../lib/kinesis/kpl/deaggregator.ts';
import { makeFrame } from '../../../lib/kinesis/kpl/frame.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

export const shardId = 'shardId-000000000003';

/** One aggregate that aws-kinesis-agg has made; see `fixtures/make.ts`. */
export interface Fixture {
  readonly name: string;
  readonly userRecords: readonly PutEntry[];
  readonly frame: Buffer;
}

interface FixtureLine {
  readonly name: string;
  readonly userRecords: readonly { readonly partitionKey: string; readonly explicitHashKey?: string; data: string }[];
  readonly frame: string;
}

/** The aggregates of `fixtures/aggregates.jsonl`. */
export const fixtures: readonly Fixture[] = readFileSync(
  path.join(import.meta.dirname, 'fixtures/aggregates.jsonl'),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as FixtureLine)
  .map(({ name, userRecords, frame }) => ({
    name,
    userRecords: userRecords.map(({ data, ...keys }) => ({ ...keys, data: bytesOf(data) })),
    frame: Buffer.from(frame, 'base64'),
  }));

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

/** A record of Kinesis as the reader gives it. */
export function record(data: Uint8Array, sequenceNumber = '100'): KinesisRecord {
  return new KinesisRecord({
    data,
    partitionKey: 'outer',
    sequenceNumber,
    subSequenceNumber: 0,
    shardId,
    streamName: 'stream',
    arrivalTimeMillis: 1_700_000_000_123,
  });
}

/** A frame around any message. */
export function frameAround(message: Uint8Array | readonly number[]): Buffer {
  return makeFrame(message.length, (room) => room.set(message));
}

/** The frame of these user records; two at least. */
export function frameOf(entries: readonly PutEntry[]): Uint8Array {
  const builder = new AggregateBuilder({ maxBytes: Number.MAX_SAFE_INTEGER, maxRecords: Number.MAX_SAFE_INTEGER });
  for (const entry of entries) builder.add(entry);
  return builder.build().data;
}

/** Entries by their keys; the data of each is its place and its key. */
export function entriesOf(...partitionKeys: readonly string[]): readonly PutEntry[] {
  return partitionKeys.map((partitionKey, index) => ({
    partitionKey,
    data: new TextEncoder().encode(`${index} ${partitionKey}`),
  }));
}

/** A deaggregator with what it has told. */
export function deaggregator(hashKeyRange?: DeaggregatorOptions['hashKeyRange']) {
  const clock = new VirtualClock();
  const events: MillraceEvent[] = [];
  const made = new Deaggregator({ shardId, hashKeyRange, clock, events: { publish: (event) => events.push(event) } });
  const all = (...page: readonly KinesisRecord[]) => [...made.parts(page)].flat();
  return { clock, events, deaggregator: made, all };
}
