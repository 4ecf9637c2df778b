import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordLine } from '../../lib/app/record-line.ts';
import { jsonLine } from '../../lib/base/json-line.ts';
import { KinesisRecord } from '../../lib/block/record.ts';

function lineOf(data: Uint8Array, partitionKey = 'key') {
  const record = new KinesisRecord({
    data,
    partitionKey,
    sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
    subSequenceNumber: 2,
    shardId: 'shardId-000000000000',
    streamName: 'orders',
    arrivalTimeMillis: 1_767_225_600_123,
  });
  return recordLine(record);
}

describe('the line of a record', () => {
  it('has the fields of the format in their order', () => {
    expect(jsonLine(lineOf(Buffer.from('{"a":1}')))).toBe(
      '{"streamName":"orders","shardId":"shardId-000000000000",' +
        '"sequenceNumber":"49590338271490256608559692538361571095921575989136588898","subSequenceNumber":2,' +
        '"partitionKey":"key","approximateArrivalTimestamp":"2026-01-01T00:00:00.123Z","encoding":"utf8",' +
        '"data":"{\\"a\\":1}"}',
    );
  });

  it('is base64 exactly when the bytes are not UTF-8', () => {
    expect(lineOf(Uint8Array.of(0x68, 0xff))).toMatchObject({ encoding: 'base64', data: 'aP8=' });
    expect(lineOf(Uint8Array.of(0xed, 0xa0, 0x80)).encoding).toBe('base64');
    expect(lineOf(new Uint8Array())).toMatchObject({ encoding: 'utf8', data: '' });
  });

  it('gives back the bytes of any record, byte order mark and all, and holds nothing that a terminal acts on', () => {
    const dangerous = fc.constantFrom(
      '\u001b',
      '\u009b',
      '\u007f',
      '\u2028',
      '\u202e',
      '\n',
      '\ufeff',
      '\u{1f600}',
      '"',
    );
    const text = fc.oneof(fc.string({ unit: dangerous }), fc.string({ unit: 'binary' }));
    const bytes = fc.oneof(
      fc.uint8Array(),
      text.map((one) => Buffer.from(one)),
    );
    fc.assert(
      fc.property(bytes, text, (data, key) => {
        // A view into a larger buffer, as records are.
        const around = new Uint8Array(data.length + 2);
        around.set(data, 1);
        const line = jsonLine(lineOf(around.subarray(1, data.length + 1), key));
        const read = JSON.parse(line) as { data: string; encoding: BufferEncoding };
        expect([...Buffer.from(read.data, read.encoding)]).toEqual([...data]);
        // oxlint-disable-next-line no-control-regex -- what must not be there
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
    expect(lineOf(Buffer.from('\ufeffx')).data).toBe('\ufeffx');
  });
});
