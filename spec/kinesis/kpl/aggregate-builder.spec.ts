import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PutEntry } from '../../../lib/kinesis/kinesis-api.ts';
import { AggregateBuilder } from '../../../lib/kinesis/kpl/aggregate-builder.ts';
import { hashKeyOf, maxHashKey } from '../../../lib/kinesis/kpl/hash-range.ts';
import { deaggregator, entriesOf, fixtures, frameOf, record } from './values.ts';

const unlimited = { maxBytes: Number.MAX_SAFE_INTEGER, maxRecords: Number.MAX_SAFE_INTEGER };

/** Any user record; few keys, so that they come again. */
const entries = fc.array(
  fc.record(
    {
      partitionKey: fc.oneof(
        fc.constantFrom('a', 'b', '12', '3', '__proto__'),
        fc.string({ unit: 'grapheme', minLength: 1 }),
      ),
      explicitHashKey: fc.oneof(
        fc.constantFrom('0', '7'),
        fc.bigInt({ min: 0n, max: maxHashKey }).map((key) => `${key}`),
      ),
      data: fc.uint8Array({ maxLength: 300 }),
    },
    { requiredKeys: ['partitionKey', 'data'] },
  ),
  { minLength: 2, maxLength: 40 },
) as fc.Arbitrary<PutEntry[]>;

describe('AggregateBuilder', () => {
  it.each(fixtures)('writes the bytes of aws-kinesis-agg: $name', ({ userRecords, frame }) => {
    expect(Buffer.from(frameOf(userRecords)).toString('hex')).toBe(frame.toString('hex'));
  });

  it('writes a frame that was made by hand from the description of the format', () => {
    const keys = '0a01610a0162120137';
    const message = `${keys}1a0708001a0378797a1a06080110001a00`;
    const frame = frameOf([
      { partitionKey: 'a', data: Buffer.from('xyz') },
      { partitionKey: 'b', explicitHashKey: '7', data: new Uint8Array() },
    ]);
    const digest = createHash('md5').update(Buffer.from(message, 'hex')).digest('hex');
    expect(Buffer.from(frame).toString('hex')).toBe(`f3899ac2${message}${digest}`);
  });

  it('is read back as it was written, any keys and any data', () => {
    fc.assert(
      fc.property(entries, (userRecords) => {
        const { all, events } = deaggregator();
        const read = all(record(frameOf(userRecords)));
        expect(read.map((one) => [one.partitionKey, [...one.data]])).toEqual(
          // A half of a surrogate pair has no UTF-8; neither the KPL nor Kinesis takes one.
          userRecords.map((one) => [Buffer.from(one.partitionKey).toString(), [...one.data]]),
        );
        expect(events).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('knows its size to the byte, and never passes maxBytes with a second record', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 64, max: 2_000 }), (userRecords, maxBytes) => {
        const builder = new AggregateBuilder({ ...unlimited, maxBytes });
        const taken = userRecords.filter((entry) => builder.add(entry));
        if (taken.length === 1) return;
        const { data } = builder.build();
        expect(data.length).toBe(builder.bytes);
        expect(data.length).toBeLessThanOrEqual(maxBytes);
        const rest = new AggregateBuilder(unlimited);
        for (const entry of taken) rest.add(entry);
        const refused = userRecords.find((entry) => !taken.includes(entry));
        if (refused === undefined) return;
        rest.add(refused);
        expect(rest.build().data.length).toBeGreaterThan(maxBytes);
      }),
      { numRuns: 300 },
    );
  });

  it('takes at most maxRecords', () => {
    const builder = new AggregateBuilder({ ...unlimited, maxRecords: 2 });
    expect(entriesOf('a', 'b', 'c').map((entry) => builder.add(entry))).toEqual([true, true, false]);
  });

  it('goes to the shard of its first record, by an explicit hash key and the partition key of the KPL', () => {
    const build = (...userRecords: readonly PutEntry[]) => {
      const builder = new AggregateBuilder(unlimited);
      for (const entry of userRecords) builder.add(entry);
      return builder.build();
    };
    const [one, two] = entriesOf('one', 'two') as [PutEntry, PutEntry];
    expect(build(one, two)).toMatchObject({ partitionKey: 'a', explicitHashKey: `${hashKeyOf('one')}` });
    expect(build({ ...one, explicitHashKey: '5' }, two)).toMatchObject({ partitionKey: 'a', explicitHashKey: '5' });
  });

  it('puts a single record as it is', () => {
    const builder = new AggregateBuilder({ ...unlimited, maxBytes: 64 });
    const entry = { partitionKey: 'alone', data: new Uint8Array(1_000) };
    expect(builder.add(entry)).toBe(true);
    expect(builder.build()).toBe(entry);
  });
});
