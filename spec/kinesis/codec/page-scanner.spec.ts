import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanCborPage } from '../../../lib/kinesis/codec/cbor-scan.ts';
import { scanJsonPage } from '../../../lib/kinesis/codec/json-scan.ts';
import { cutAt } from './scripted-client.ts';
import { type PageModel, cborItem, cborOf, cuts, jsonOf, pages, usualStyle } from './wire-forms.ts';

/** Pages without children, with keys that JSON writes without escapes and a lag in whole milliseconds. */
const usualPages: fc.Arbitrary<PageModel> = pages.map((page) => ({
  ...page,
  millisBehindLatest: page.millisBehindLatest && Math.floor(page.millisBehindLatest),
  childShards: page.childShards?.length ? [] : page.childShards,
  records: page.records.map((record, index) => ({ ...record, partitionKey: `clé ${index} 🌊` })),
}));

const chunksOf = (bytes: Uint8Array, places: readonly number[]) =>
  cutAt(bytes, places).map((chunk) => Buffer.from(chunk));

/** What a scanner did not leave to a full parser: the number of records that it found. */
function found(scanned: ReturnType<typeof scanJsonPage>): number | undefined {
  return scanned?.records?.length;
}

describe('the scanner of JSON', () => {
  it('knows the form of Kinesis and of its emulators, wherever it is cut', () => {
    const styles = fc.record({
      rotation: fc.nat(4),
      blanks: fc.constantFrom('', ' ', '\r\n\t'),
      time: fc.constantFrom<('plain' | 'exponent')[]>('plain', 'exponent'),
    });
    fc.assert(
      fc.property(usualPages, styles, cuts, (page, style, places) => {
        fc.pre(!page.records.some(({ arrivalTimeMillis }) => arrivalTimeMillis < 1_000 && style.time === 'exponent'));
        const text = jsonOf(page, { ...usualStyle, ...style });
        expect(found(scanJsonPage(chunksOf(text, places)))).toBe(page.records.length);
      }),
    );
  });

  it('leaves escapes, children and fields it does not know to a full parser, and changes nothing', () => {
    const record = '{"ApproximateArrivalTimestamp":1,"Data":"AAEC","PartitionKey":"k","SequenceNumber":"1"}';
    for (const text of [
      `{"Records":[${record.replace('"k"', '"\\u006b"')}]}`,
      `{"Records":[${record}],"ChildShards":[{"ShardId":"s"}]}`,
      `{"Records":[${record.replace('{', '{"Version":1,')}]}`,
      `{"Records":[${record.replace('"1"', '"12:45678"')}]}`,
      `{"Records":[${record.replace('{', '{"Data":"\t\\x",')}]}`,
      `{"Records":[${record}],"Records":[${record}]}`,
      `{"Recorts":[${record}]}`,
      `{"MillisBehindLatest":0}`,
      `[${record}]`,
      `{"Records":[${record}]}x`,
      `{"Records":[${record}`,
      '',
    ]) {
      const bytes = Buffer.from(text);
      expect(scanJsonPage([bytes])).toBeUndefined();
      expect(bytes.toString()).toBe(text);
    }
  });
});

describe('the scanner of CBOR', () => {
  it('knows the form of Kinesis and of its emulators, wherever it is cut', () => {
    const styles = fc.record({
      rotation: fc.nat(4),
      untoldLengths: fc.boolean(),
      wide: fc.boolean(),
      tagged: fc.boolean(),
      data: fc.constantFrom<('bytes' | 'base64')[]>('bytes', 'base64'),
    });
    fc.assert(
      fc.property(usualPages, styles, cuts, (page, style, places) => {
        // A list without items whose end is a break is one for the full decoder.
        fc.pre(page.childShards?.length !== 0);
        const scanned = scanCborPage(chunksOf(cborOf(page, { ...usualStyle, ...style }), places));
        expect(found(scanned)).toBe(page.records.length);
        expect(scanned?.inBase64).toHaveLength(style.data === 'base64' ? page.records.length : 0);
      }),
    );
  });

  it('leaves everything else to the full decoder, and changes nothing', () => {
    const record = { ApproximateArrivalTimestamp: 1, Data: 'AAEC', PartitionKey: 'k', SequenceNumber: '1' };
    for (const bytes of [
      cborItem({ Records: [{ ...record, SequenceNumber: '12345x' }] }),
      cborItem({ Records: [{ ...record, SequenceNumber: '12:45678' }] }),
      cborItem({ Records: [{ ...record, SequenceNumber: '' }] }),
      cborItem({ Records: [{ ...record, Datas: 'AAEC' }] }),
      cborItem({ Records: [{ ...record, ApproximateArrivalTimestamp: 1.5 }] }),
      cborItem({ Records: [record], ChildShards: [{ ShardId: 's' }] }),
      cborItem({ Records: record }),
      cborItem({ MillisBehindLatest: 0 }),
      cborItem([record]),
      Buffer.concat([cborItem({ Records: [record] }), Buffer.of(0)]),
      cborItem({ Records: [record] }).subarray(0, -1),
      Buffer.alloc(0),
    ]) {
      const before = Buffer.from(bytes);
      expect(scanCborPage([bytes])).toBeUndefined();
      expect(bytes.equals(before)).toBe(true);
    }
  });
});
