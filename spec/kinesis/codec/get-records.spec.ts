import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKinesisFault } from '../../../lib/kinesis/fault.ts';
import { decodeCborPage } from '../../../lib/kinesis/codec/cbor-page.ts';
import { decodeCbor } from '../../../lib/kinesis/codec/cbor-tree.ts';
import { cborDialect, pageOfTree } from '../../../lib/kinesis/codec/page-tree.ts';
import type { DecodedPage } from '../../../lib/kinesis/codec/page.ts';
import { type ScriptedAnswer, cborType, cutAt, jsonType, plainAnswer, scriptedClient } from './scripted-client.ts';
import { cborItem, cborOf, cuts, jsonOf, pages, styles } from './wire-forms.ts';
import { limitOfRuns, runs } from '../../support/runs.ts';

/** One client of each kind, since making one takes longer than all that is tested here. */
let answerNow: ScriptedAnswer = { chunks: [] };
const clients = {
  sdk: scriptedClient('sdk', () => answerNow),
  json: scriptedClient('json', () => answerNow),
  cbor: scriptedClient('cbor', () => answerNow),
};

/** What a call came to: an answer or a fault, in a form that can be compared. */
async function outcome(codec: keyof typeof clients, answer: ScriptedAnswer): Promise<unknown> {
  answerNow = answer;
  try {
    return plainAnswer(await clients[codec].getRecords());
  } catch (thrown) {
    if (!isKinesisFault(thrown)) throw thrown;
    return `fault: ${thrown.kind}`;
  }
}

/** The outcome of an answer that nobody can read. */
const unreadable = 'fault: transient';

const json = (body: Uint8Array, places: readonly number[] = []) => ({ headers: jsonType, chunks: cutAt(body, places) });
const cbor = (body: Uint8Array, places: readonly number[] = []) => ({ headers: cborType, chunks: cutAt(body, places) });

describe('answers of GetRecords', () => {
  it(
    'are the same by the JSON codec as by the SDK, however they are written and cut',
    async () => {
      await fc.assert(
        fc.asyncProperty(pages, styles, cuts, async (page, style, places) => {
          const body = jsonOf(page, style);
          expect(await outcome('json', json(body, places))).toEqual(await outcome('sdk', json(body)));
        }),
        { numRuns: runs(70) },
      );
    },
    limitOfRuns(60_000),
  );

  it(
    'are the same by the CBOR codec as by the SDK from JSON, however they are written and cut',
    async () => {
      await fc.assert(
        fc.asyncProperty(pages, styles, cuts, async (page, style, places) => {
          const told = clients.cbor.events.length;
          const result = await outcome('cbor', cbor(cborOf(page, style), places));
          expect(result).toEqual(await outcome('sdk', json(jsonOf(page))));
          expect(clients.cbor.events).toHaveLength(told);
        }),
        { numRuns: runs(70) },
      );
    },
    limitOfRuns(60_000),
  );

  it('have records of every size across the pieces in which they arrive', async () => {
    const sizes = [0, 1, 2, 3, 50, 95, 96, 97, 98, 500, 16_000, 65_536, 200_000, 5];
    const page = {
      records: sizes.map((size, index) => ({
        data: Uint8Array.from({ length: size }, (_, at) => (at * 31 + index) % 256),
        partitionKey: 'k',
        sequenceNumber: String(index),
        arrivalTimeMillis: 1_700_000_000_000,
        encryptionType: undefined,
      })),
      nextIterator: 'next',
      millisBehindLatest: 0,
      childShards: undefined,
    };
    const expected = await outcome('sdk', json(jsonOf(page)));
    for (const step of [997, 16_384, 65_536]) {
      const places = Array.from({ length: 500 }, (_, index) => index * step);
      expect(await outcome('json', json(jsonOf(page), places))).toEqual(expected);
      expect(await outcome('cbor', cbor(cborOf(page), places))).toEqual(expected);
    }
  });
});

/** Spoils bytes: puts others in a place, takes some out, cuts the rest off. */
const harms = fc.array(
  fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('put', 'put', 'remove', 'insert', 'cut'),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 3 }),
      fc.constantFrom(...['"', '\\', '-', '_', '=', '}', ',', 'null', '\n', '0', '9'].map((text) => Buffer.from(text))),
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

type Harm = typeof harms extends fc.Arbitrary<(infer T)[]> ? T : never;

function harmed(body: Uint8Array, list: readonly Harm[]): Buffer {
  let result = Buffer.from(body);
  for (const { at, kind, bytes } of list) {
    const place = at % (result.length + 1);
    const after = kind === 'insert' ? place : place + bytes.length;
    const put = kind === 'put' || kind === 'insert' ? bytes : Buffer.alloc(0);
    result = Buffer.concat([result.subarray(0, place), put, kind === 'cut' ? Buffer.alloc(0) : result.subarray(after)]);
  }
  return result;
}

describe('a spoilt answer of GetRecords', () => {
  it(
    'in JSON comes to what the SDK makes of it: the same page, or a fault',
    async () => {
      await fc.assert(
        fc.asyncProperty(pages, styles, harms, cuts, async (page, style, list, places) => {
          const body = harmed(jsonOf(page, style), list);
          expect(await outcome('json', json(body, places))).toEqual(await outcome('sdk', json(body)));
        }),
        { numRuns: runs(100) },
      );
    },
    limitOfRuns(60_000),
  );

  it(
    'in CBOR comes to a fault, or to the page that is written there now',
    async () => {
      await fc.assert(
        fc.asyncProperty(pages, styles, harms, cuts, async (page, style, list, places) => {
          const body = harmed(cborOf(page, style), list);
          const result = await outcome('cbor', cbor(body, places));
          const expected = pageByTree(body);
          // What is CBOR and no page is for the SDK to judge.
          if (expected !== undefined) expect(result).toEqual(expected);
        }),
        { numRuns: runs(100) },
      );
    },
    limitOfRuns(60_000),
  );

  it(
    'is a fault wherever it is cut off',
    async () => {
      const page = fc.sample(pages, { seed: 7, numRuns: 20 }).find((one) => one.records.length > 2);
      if (page === undefined) throw new Error('no page with records');
      for (const [codec, whole, wrap] of [
        ['json', jsonOf(page), json],
        ['cbor', cborOf(page), cbor],
      ] as const) {
        for (let length = 1; length < whole.length; length += 7) {
          expect(await outcome(codec, wrap(whole.subarray(0, length)))).toBe(unreadable);
        }
      }
    },
    limitOfRuns(60_000),
  );

  it(
    'of any bytes at all is a fault',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
          expect(await outcome('cbor', cbor(bytes))).toBe(unreadable);
          expect(await outcome('json', json(bytes))).toEqual(await outcome('sdk', json(bytes)));
        }),
        { numRuns: runs(70) },
      );
    },
    limitOfRuns(60_000),
  );
});

/** What the full decoder alone makes of a body; `undefined` when that is no page. */
function pageByTree(body: Buffer): unknown {
  let page: DecodedPage | undefined;
  try {
    page = pageOfTree(decodeCbor(body), cborDialect);
  } catch {
    return unreadable;
  }
  if (page === undefined) return undefined;
  const { nextIterator, millisBehindLatest = 0, records, childShards } = page;
  return plainAnswer({
    records,
    childShards,
    millisBehindLatest,
    ...(nextIterator === undefined ? {} : { nextIterator }),
  });
}

describe('a number in JSON', () => {
  it.each(
    ['0', '5', '007', '00', '1.', '.5', '-1', '+1', '1e2', '1E+2', '1.5e0', '1e', '1e+', '1e-3', '0.5', '1.7E9'].concat(
      ['12345678901234567890', '496.34277145578795', '1.000000000000000000001', '8640000000000.0004', '9e99', '1e400'],
      ['"5"', '"x"', 'true', 'null', 'NaN', '[]', '{}', ''],
    ),
  )('is what the SDK takes it for, or a fault: %s', async (text) => {
    const record = `{"ApproximateArrivalTimestamp":${text},"Data":"AAEC","PartitionKey":"k","SequenceNumber":"1"}`;
    for (const body of [`{"Records":[],"MillisBehindLatest":${text}}`, `{"Records":[${record}]}`]) {
      const expected = await outcome('sdk', json(Buffer.from(body)));
      expect(await outcome('json', json(Buffer.from(body)))).toEqual(expected);
      const everywhere = Array.from({ length: body.length }, (_, index) => index);
      expect(await outcome('json', json(Buffer.from(body), everywhere))).toEqual(expected);
    }
  });
});

describe('a record that lacks a field', () => {
  const fields = {
    ApproximateArrivalTimestamp: 1_700_000_000_000,
    Data: 'AAEC',
    PartitionKey: 'key',
    SequenceNumber: '12',
  };
  const pageOf = (record: object) => ({ Records: [fields, record, fields], MillisBehindLatest: 0 });

  it.each([...Object.keys(fields), 'none'])('is a fault by every codec, as by the SDK: %s', async (name) => {
    const record = Object.fromEntries(Object.entries(fields).filter(([other]) => other !== name));
    const check = (result: unknown) => {
      if (name === 'none') expect(result).toMatchObject({ records: [{}, {}, {}] });
      else expect(result).toBe('fault: fatal');
    };
    const text = JSON.stringify(pageOf(record)).replaceAll('1700000000000', '1700000000');
    for (const codec of ['sdk', 'json'] as const) {
      check(await outcome(codec, json(Buffer.from(text))));
    }
    check(await outcome('cbor', cbor(cborItem(pageOf(record)))));
  });
});

describe('a page in CBOR', () => {
  it('that goes deeper than any answer, or claims more than it has, takes no memory and is a fault', async () => {
    const claims = [
      // Something follows the page.
      Buffer.concat([cborItem({ Records: [], MillisBehindLatest: 0, RecordFormat: 1 }), Buffer.of(0)]),
      Buffer.alloc(5_000_000, 0x81),
      Buffer.alloc(5_000_000, 0xa1),
      Buffer.alloc(5_000_000, 0xc1),
      Buffer.concat([Buffer.from('bfffffffffffffffff', 'hex')]),
      Buffer.concat([Buffer.from('a1675265636f7264739bffffffffffffffff', 'hex')]),
      Buffer.concat([Buffer.from('a1675265636f7264739a7fffffff', 'hex')]),
      Buffer.concat([Buffer.from('a1675265636f7264735a7fffffff', 'hex')]),
      Buffer.concat([Buffer.from('a1675265636f72647381a164446174615bffffffffffffffff', 'hex')]),
      Buffer.concat([Buffer.from('a1675265636f7264739f', 'hex'), Buffer.alloc(5_000_000, 0xf6)]),
      Buffer.concat([Buffer.from('a1675265636f7264735f', 'hex'), Buffer.alloc(5_000_000, 0x40)]),
    ];
    for (const body of claims) {
      const before = process.memoryUsage();
      expect(await outcome('cbor', cbor(body))).toBe(unreadable);
      const after = process.memoryUsage();
      expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(200_000_000);
    }
  });

  it('is found by the scanner and by the full decoder alike', () => {
    fc.assert(
      fc.property(pages, styles, (page, style) => {
        const body = cborOf(page, style);
        const expected = pageByTree(Buffer.from(body));
        const decoded = decodeCborPage([body]);
        expect(decoded).toBeDefined();
        const { records = [], nextIterator, millisBehindLatest = 0, childShards = [] } = decoded ?? {};
        const next = nextIterator === undefined ? {} : { nextIterator };
        expect(plainAnswer({ records, childShards, millisBehindLatest, ...next })).toEqual(expected);
      }),
    );
  });
});
