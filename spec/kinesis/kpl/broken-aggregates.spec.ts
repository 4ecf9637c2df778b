import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePositions } from '../../../lib/base/position.ts';
import type { BrokenAggregate } from '../../../lib/event/event.ts';
import { maxUserRecords } from '../../../lib/kinesis/kpl/aggregate.ts';
import { frameMagic } from '../../../lib/kinesis/kpl/frame.ts';
import { deaggregator, entriesOf, fixtures, frameAround, frameOf, record, shardId } from './values.ts';
import { runs } from '../../support/runs.ts';

const tenMebibytes = 10 * 1024 * 1024;

/** A message by its parts, in hexadecimal. */
const message = (...parts: readonly string[]) => [...Buffer.from(parts.join(''), 'hex')];
const key = '0a0161';
const usual = '1a0508001a0178';

/** What becomes of one record: user records as `key=data`, or `plain`, and why. */
function outcome(data: Uint8Array): { readonly read: readonly string[] | 'plain'; readonly reason?: BrokenAggregate } {
  const { all, events } = deaggregator();
  const page = record(data);
  const read = all(page);
  const [event] = events;
  if (event === undefined) return { read: read.map((one) => `${one.partitionKey}=${one.text()}`) };
  expect(events).toHaveLength(1);
  expect(event).toMatchObject({ type: 'aggregate.broken', shardId, records: 1, sequenceNumber: '100' });
  expect(read).toEqual([page]);
  return { read: 'plain', reason: event.type === 'aggregate.broken' ? event.reason : 'limit' };
}

describe('a frame', () => {
  it('that is too short is a plain record', () => {
    expect(outcome(Uint8Array.from(frameMagic))).toEqual({ read: 'plain', reason: 'short' });
    expect(outcome(frameAround([]))).toEqual({ read: 'plain', reason: 'short' });
    expect(outcome(frameAround(message(key)))).toEqual({ read: [] });
  });

  it('that is cut off anywhere is a plain record', () => {
    const { frame } = fixtures[1] as (typeof fixtures)[number];
    for (let length = frameMagic.length; length < frame.length; length += 1) {
      expect(outcome(frame.subarray(0, length)).read).toBe('plain');
    }
  });

  it('of which any one bit is another is a plain record', () => {
    const { frame } = fixtures[2] as (typeof fixtures)[number];
    for (let bit = 8 * frameMagic.length; bit < 8 * frame.length; bit += 1) {
      const flipped = Buffer.from(frame);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(outcome(flipped)).toEqual({ read: 'plain', reason: 'digest' });
    }
  });
});

describe('a message', () => {
  const broken: readonly (readonly [what: string, reason: BrokenAggregate, parts: readonly string[]])[] = [
    ['whose tag has no end', 'protobuf', [key, usual, '80']],
    ['whose tag is a varint of eleven bytes', 'protobuf', [key, 'ffffffffffffffffffff01']],
    ['with a field number of 0', 'protobuf', [key, '0001']],
    ['with a field number of 30 bits', 'protobuf', [key, '8080808010', '01']],
    ['with a group', 'protobuf', [key, '1b', '1c']],
    ['with wire type 6', 'protobuf', [key, '26', '00']],
    ['with wire type 7', 'protobuf', [key, '27', '00']],
    ['with a key that is longer than the rest', 'protobuf', ['0a05', '61']],
    ['with a key of 2^63 bytes', 'protobuf', ['0a80808080808080808001', '61']],
    ['with a record that is longer than the rest', 'protobuf', [key, '1a06', '08001a0178']],
    ['with data that are longer than their record', 'protobuf', [key, '1a05', '08001a0278', usual]],
    ['with an index that goes beyond its record', 'protobuf', [key, '1a05', '1a01780880', '00']],
    ['with a record without a partition key index', 'protobuf', [key, '1a03', '1a0178']],
    ['with a record without data', 'protobuf', [key, '1a02', '0800']],
    ['with an empty record', 'protobuf', [key, '1a00']],
    ['with a fixed number that is cut off', 'protobuf', [key, '21', '00000000']],
    ['without the partition key of a record', 'key', [usual]],
    ['with a partition key index beyond the table', 'key', [key, '1a0508011a0178']],
    ['with a partition key index of 2^32', 'key', [key, '1a09', '088080808010', '1a0178']],
    ['with a partition key index of 70 bits', 'key', [key, '1a0e08ffffffffffffffffff7f1a0178']],
    ['without the explicit hash key of a record', 'key', [key, '1a07080010001a0178']],
    ['with an explicit hash key that is no number', 'key', [key, '120178', '1a07080010001a0178']],
    ['with an explicit hash key of 2^128', 'key', [key, `1227${hexOf(2n ** 128n)}`, '1a07080010001a0178']],
    ['with an explicit hash key that is empty', 'key', [key, '1200', '1a07080010001a0178']],
  ];

  it.each(broken)('%s is a plain record', (_, reason, parts) => {
    expect(outcome(frameAround(message(...parts)))).toEqual({ read: 'plain', reason });
  });

  it('gives nothing out when its last record is broken', () => {
    expect(outcome(frameAround(message(key, usual, usual, '1a0508011a0178')))).toEqual({
      read: 'plain',
      reason: 'key',
    });
  });

  const odd: readonly (readonly [what: string, read: readonly string[], parts: readonly string[]])[] = [
    ['whose tables come last', ['a=x'], [usual, key]],
    ['with tags on its records', ['a=x'], [key, '1a0c08001a0178', '22050a036b6579']],
    [
      'with unknown fields of every kind',
      ['a=x'],
      ['2001', '29', '0011223344556677', '3201ff', '3d00112233', key, usual],
    ],
    ['with unknown fields in its records', ['a=x'], [key, '1a0a', '2803', '3201ff', '08001a0178']],
    ['with fields that come twice: the last one counts', ['b=y'], [key, '0a0162', '1a0a', '08001a0178', '08011a0179']],
    ['with the fields of a record in another order', ['a=x'], [key, '1a05', '1a01780800']],
    ['with numbers that are longer than they must be', ['a=x'], [key, '1a8800', '088000', '1a81800078']],
    ['with a known field of another wire type', ['a=x'], ['0801', '1803', key, usual]],
    ['with an explicit hash key that nobody uses and that is none', ['a=x'], [key, '120178', usual]],
    ['with a key that is not UTF-8', ['\ufffd=x'], ['0a01ff', usual]],
  ];

  it.each(odd)('%s is taken apart', (_, read, parts) => {
    expect(outcome(frameAround(message(...parts)))).toEqual({ read });
  });
});

function hexOf(value: bigint): string {
  return Buffer.from(`${value}`).toString('hex');
}

describe('a bomb', () => {
  const filled = (length: number, ...bytes: readonly number[]) => {
    const made = Buffer.alloc(length, Uint8Array.from(bytes));
    return frameAround(made);
  };

  it('of 10 MiB that are one varint is found out at once', () => {
    expect(outcome(filled(tenMebibytes, 0xff)).reason).toBe('protobuf');
    expect(outcome(filled(tenMebibytes, 0x80)).reason).toBe('protobuf');
  });

  it('of groups in groups is found out at once', () => {
    expect(outcome(filled(tenMebibytes, 0x1b)).reason).toBe('protobuf');
  });

  it('of messages in messages is not followed', () => {
    // Each length says that the rest belongs to it: an unknown field, which is skipped as a whole.
    let inner = Buffer.alloc(0);
    for (let depth = 0; depth < 2_000; depth += 1) {
      inner = Buffer.concat([Buffer.from([0x3a, (inner.length & 0x7f) | 0x80, inner.length >> 7]), inner]);
    }
    expect(outcome(frameAround([...message(key), ...inner, ...message(usual)])).read).toEqual(['a=x']);
  });

  it('of more user records than the limit is a plain record; as many as the limit are read', () => {
    const records = (count: number) =>
      frameAround(
        Buffer.concat([Buffer.from(key, 'hex'), Buffer.alloc(6 * count, Buffer.from('1a0408001a00', 'hex'))]),
      );
    expect(outcome(records(maxUserRecords + 1))).toEqual({ read: 'plain', reason: 'limit' });
    const { deaggregator: made } = deaggregator();
    let count = 0;
    for (const part of made.parts([record(records(maxUserRecords))])) count += part.length;
    expect(count).toBe(maxUserRecords);
  });

  it('of more keys than the limit is a plain record', () => {
    expect(outcome(filled(2 * (maxUserRecords + 1), 0x0a, 0)).reason).toBe('limit');
    expect(outcome(filled(2 * (maxUserRecords + 1), 0x12, 0)).reason).toBe('limit');
    expect(outcome(filled(2 * maxUserRecords, 0x0a, 0)).read).toEqual([]);
  });

  it('of unknown fields is read to its end', () => {
    expect(outcome(filled(tenMebibytes, 0x28, 0x01)).read).toEqual([]);
  });
});

describe('arbitrary bytes', () => {
  /** User records lie inside the frame, in order, and together are no longer than it; else the record is passed on. */
  function check(data: Uint8Array): void {
    const { all, events } = deaggregator();
    const page = record(data);
    const read = all(page);
    if (events.length > 0) {
      expect(read).toEqual([page]);
      return;
    }
    let bytes = 0;
    for (const [index, one] of read.entries()) {
      expect(one.subSequenceNumber).toBe(index);
      expect(one.data.byteLength).toBe(one.byteLength);
      expect(one.data.byteOffset).toBeGreaterThanOrEqual(data.byteOffset + frameMagic.length);
      expect(one.data.byteOffset + one.byteLength).toBeLessThanOrEqual(data.byteOffset + data.length - 16);
      expect(typeof one.partitionKey).toBe('string');
      bytes += one.byteLength;
    }
    expect(bytes).toBeLessThanOrEqual(data.length);
  }

  it('after the magic never do harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => check(Uint8Array.from([...frameMagic, ...bytes]))),
      { numRuns: 500 },
    );
  });

  it('in a frame never do harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => check(frameAround(bytes))),
      { numRuns: runs(700) },
    );
  });

  it('of tags and small numbers in a frame never do harm', () => {
    const byte = fc.constantFrom(0x08, 0x0a, 0x10, 0x12, 0x1a, 0x22, 0, 1, 2, 3, 4, 5, 6, 7, 0x31, 0x80, 0xff);
    fc.assert(
      fc.property(fc.array(byte, { minLength: 1, maxLength: 60 }), (bytes) => check(frameAround(bytes))),
      { numRuns: runs(1_500) },
    );
  });

  it('in the place of a few of an aggregate never do harm', () => {
    const place = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(fc.constantFrom(...fixtures), fc.array(place, { maxLength: 4 }), ({ frame }, places) => {
        const inner = Buffer.from(frame.subarray(frameMagic.length, -16));
        for (const [where, byte] of places) inner[where % inner.length] = byte;
        check(frameAround(inner));
      }),
      { numRuns: runs(300) },
    );
  });
});

describe('a page of plain records, aggregates and broken ones', () => {
  it('loses none of them, and keeps their order', () => {
    const kinds = fc.array(fc.constantFrom('plain', 'aggregate', 'broken'), { maxLength: 12 });
    fc.assert(
      fc.property(kinds, (wanted) => {
        const { all } = deaggregator();
        const page = wanted.map((kind, index) => {
          const frame = frameOf(entriesOf('a', 'b', 'c'));
          if (kind === 'broken') frame[10] = (frame[10] as number) ^ 1;
          return record(kind === 'plain' ? Buffer.from('x') : frame, String(index + 1));
        });
        const read = all(...page);
        expect(read).toHaveLength(wanted.reduce((sum, kind) => sum + (kind === 'aggregate' ? 3 : 1), 0));
        for (const [index, one] of read.entries()) {
          const next = read[index + 1];
          if (next !== undefined) expect(comparePositions(one.position, next.position)).toBeLessThan(0);
        }
        expect(new Set(read.map((one) => one.sequenceNumber)).size).toBe(wanted.length);
      }),
      { numRuns: 200 },
    );
  });
});
