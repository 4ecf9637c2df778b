import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KinesisRecord } from '../../../lib/block/record.ts';
import { restoreValue, storeValue } from '../../../lib/engine/state/stored-value.ts';

const through = (value: unknown): unknown => restoreValue(JSON.parse(JSON.stringify(storeValue(value))));

const { value: values } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.string(),
    fc.double().map((number) => (number === 0 ? 0 : number)),
    fc.boolean(),
    fc.bigInt(),
    fc.constantFrom<unknown>(null, undefined, Number.NaN, Infinity),
    fc.date(),
    fc.uint8Array(),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'value', 'constructor')), tie('value')),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs)),
    fc.array(tie('value')).map((items) => new Set(items)),
  ),
}));

describe('a stored value', () => {
  it('comes back as it was, whatever a program keeps', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(through(value)).toEqual(value);
      }),
    );
  });

  it('keeps the sign of zero', () => {
    expect(through([-0, 0])).toEqual([-0, 0]);
  });

  it('that JSON can hold is stored as it is, without a copy', () => {
    const value = { a: [1, 'two', null], b: { c: true } };
    expect(storeValue(value)).toBe(value);
  });

  it('keeps the keys that trip up objects, and an object that looks like a mark', () => {
    const odd = JSON.parse('{"__proto__": {"x": 1}, "$": "map", "value": 3}') as object;
    expect(Object.entries(through(odd) as object)).toEqual(Object.entries(odd));
    expect(Object.getPrototypeOf(through(odd))).toBe(Object.prototype);
  });

  it('may be a record, with its bytes and position', () => {
    const record = new KinesisRecord({
      data: new Uint8Array([0, 255, 7]),
      partitionKey: 'key',
      sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
      subSequenceNumber: 4,
      shardId: 'shardId-000000000000',
      streamName: 'lines',
      arrivalTimeMillis: 1_700_000_000_000,
    });
    const back = (through([record]) as KinesisRecord[])[0];
    expect(back).toBeInstanceOf(KinesisRecord);
    expect(back?.data).toEqual(record.data);
    expect(back?.position).toEqual(record.position);
    expect(back?.arrivalTime).toEqual(record.arrivalTime);
  });

  it('is refused when it would come back as something else', () => {
    class Counter {
      readonly count = 1;
    }
    for (const value of [() => 1, Symbol('x'), new Counter(), { deep: [new Counter()] }, new Error('x'), /x/]) {
      expect(() => storeValue(value)).toThrow(/MR_STATE_INVALID: state holds/);
    }
  });

  it('with a mark that Millrace never makes is damaged', () => {
    for (const stored of [{ $: 'other', value: 1 }, { $: 7 }, { $: 'toString' }]) {
      expect(() => restoreValue(stored)).toThrow('MR_STATE_DAMAGED');
    }
  });
});
