import { describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import { follows, formatRange, sameRange } from '../../lib/block/range.ts';
import { KinesisRecord } from '../../lib/block/record.ts';

const page = Buffer.from('xx{"order":1}xx');
const fields = {
  data: page.subarray(2, -2),
  partitionKey: 'key',
  sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
  subSequenceNumber: 3,
  shardId: 'shardId-000000000000',
  streamName: 'orders',
  arrivalTimeMillis: 1_700_000_000_000,
};
const record = new KinesisRecord(fields);

describe('KinesisRecord', () => {
  it('reads its bytes as text and as JSON', () => {
    expect(record.text()).toBe('{"order":1}');
    expect(record.json()).toEqual({ order: 1 });
  });

  it('tells what its bytes begin with', () => {
    expect(record.startsWith(Buffer.from('{"or'))).toBe(true);
    expect(record.startsWith(Buffer.from('{"ox'))).toBe(false);
    expect(record.startsWith(Buffer.alloc(0))).toBe(true);
    expect(record.startsWith(Buffer.from('{"order":1}x'))).toBe(false);
    const asked = new KinesisRecord({ ...fields, startsWith: () => true });
    expect(asked.startsWith(Buffer.from('x'))).toBe(true);
  });

  it('knows its place and its time', () => {
    expect(record.position).toEqual(positionOf(BigInt(record.sequenceNumber), 3));
    expect(record.arrivalTime).toEqual(new Date(1_700_000_000_000));
  });

  it('detached has bytes of its own: the page can go', () => {
    const detached = record.detach();
    expect(detached.text()).toBe(record.text());
    expect(detached.data.buffer).not.toBe(page.buffer);
    expect(detached.data.buffer.byteLength).toBe(detached.data.byteLength);
    expect(detached.position).toEqual(record.position);
  });

  it('replaces what is not UTF-8 in text, and keeps the bytes', () => {
    const broken = new KinesisRecord({ ...fields, data: Uint8Array.of(0x61, 0xff) });
    expect(broken.text()).toBe('a\ufffd');
    expect([...broken.data]).toEqual([0x61, 0xff]);
  });
});

describe('ranges', () => {
  const first = { shardId: 's', tenure: 2, after: TRIM_HORIZON, through: positionOf(10n) };
  const second = { shardId: 's', tenure: 2, after: positionOf(10n), through: SHARD_END };

  it('follow each other only where one begins exactly at the end of the other, in one tenure', () => {
    expect(follows(second, first)).toBe(true);
    expect(follows(first, second)).toBe(false);
    expect(follows({ ...second, after: positionOf(11n) }, first)).toBe(false);
    expect(follows({ ...second, tenure: 3 }, first)).toBe(false);
    expect(follows({ ...second, shardId: 't' }, first)).toBe(false);
  });

  it('are the same by value, of the same tenure', () => {
    expect(sameRange(first, { ...first, through: positionOf(10n) })).toBe(true);
    expect(sameRange(first, { ...first, tenure: 3 })).toBe(false);
  });

  it('are written with shard, tenure and both ends', () => {
    expect(formatRange(second)).toBe('s@2 (10:0, SHARD_END]');
  });
});
