import { describe, expect, it } from 'vitest';
import { compileFilters } from '../../../lib/app/lambda/record-filter.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';

function record(data: string | Uint8Array, partitionKey = 'key-1'): KinesisRecord {
  return new KinesisRecord({
    data: typeof data === 'string' ? new TextEncoder().encode(data) : data,
    partitionKey,
    sequenceNumber: '100',
    subSequenceNumber: 0,
    shardId: 'a',
    streamName: 's',
    arrivalTimeMillis: 1_500,
  });
}

/** Whether a pattern matches a value as the data of a record. */
function matches(pattern: object, data: unknown): boolean {
  return compileFilters({ filters: [{ pattern: { data: pattern } }] })(record(JSON.stringify(data)));
}

describe('a filter pattern', () => {
  it.each([
    [{ city: ['Seattle', 'Paris'] }, { city: 'Paris' }, { city: 'Rome' }],
    [{ n: [1] }, { n: 1 }, { n: '1' }],
    [{ n: [null] }, { n: null }, {}],
    [{ n: [''] }, { n: '' }, { n: ' ' }],
    [{ a: { b: [true] } }, { a: { b: true } }, { a: { b: false } }],
    [
      { a: ['x'], b: ['y'] },
      { a: 'x', b: 'y' },
      { a: 'x', b: 'z' },
    ],
    [{ $or: [{ a: ['x'] }, { b: ['y'] }] }, { a: 'z', b: 'y' }, { a: 'z' }],
    [{ a: [{ prefix: 'ab' }] }, { a: 'abc' }, { a: 'bab' }],
    [{ a: [{ suffix: 'bc' }] }, { a: 'abc' }, { a: 'abcd' }],
    [{ a: [{ 'equals-ignore-case': 'ABC' }] }, { a: 'abc' }, { a: 'abcd' }],
    [{ a: [{ 'anything-but': ['x', 'y'] }] }, { a: 'z' }, { a: 'x' }],
    [{ a: [{ 'anything-but': 'x' }] }, { a: 1 }, {}],
    [{ a: [{ 'anything-but': { prefix: 'x' } }] }, { a: 'yx' }, { a: 'xy' }],
    [{ a: [{ exists: true }] }, { a: null }, { b: 1 }],
    [{ a: [{ exists: false }] }, { b: 1 }, { a: 1 }],
    // Operators look at values: an object has none of its own.
    [{ a: [{ exists: true }] }, { a: [{ b: 1 }, 2] }, { a: { b: 1 } }],
    [{ a: [{ exists: false }] }, { a: { b: 1 } }, { a: [0] }],
    [{ a: { b: [{ exists: false }] } }, {}, { a: { b: 1 } }],
    [{ n: [{ numeric: ['=', 5] }] }, { n: 5 }, { n: '5' }],
    [{ n: [{ numeric: ['>', 0, '<=', 5] }] }, { n: 5 }, { n: 0 }],
    [{ tags: ['b'] }, { tags: ['a', 'b'] }, { tags: ['c'] }],
    [{ items: { id: [2] } }, { items: [{ id: 1 }, { id: 2 }] }, { items: [{ id: 3 }] }],
  ])('%j matches %j and not %j', (pattern, yes, no) => {
    expect(matches(pattern, yes)).toBe(true);
    expect(matches(pattern, no)).toBe(false);
  });

  it('speaks of plain text by an array, of JSON by an object, and of the key whatever the data are', () => {
    const plain = compileFilters({ filters: [{ pattern: { data: [{ prefix: 'he' }] } }] });
    expect(plain(record('hello'))).toBe(true);
    expect(plain(record('{"he":1}'))).toBe(false);
    const json = compileFilters({ filters: [{ pattern: { data: { a: [{ exists: false }] } } }] });
    expect(json(record('{}'))).toBe(true);
    expect(json(record('plain'))).toBe(false);
    const bytes = Uint8Array.of(0xff, 0xfe);
    expect(json(record(bytes))).toBe(false);
    expect(plain(record(bytes))).toBe(false);
    const keyed = compileFilters({ filters: [{ pattern: '{"partitionKey":["key-1"]}' }] });
    expect([keyed(record(bytes)), keyed(record('x', 'key-2'))]).toEqual([true, false]);
  });

  it('is one of several, of which one is enough', () => {
    const filter = compileFilters({ filters: [{ pattern: { data: ['a'] } }, { pattern: { data: ['b'] } }] });
    expect(['a', 'b', 'c'].map((text) => filter(record(text)))).toEqual([true, true, false]);
  });

  it('is refused by the name of its field when it is none', () => {
    const compile = (pattern: unknown) => () => compileFilters({ filters: [{ pattern }] });
    expect(compile('{"data":')).toThrow(/MR_CONFIG_INVALID.*filter 0/);
    expect(compile({ data: { a: 'x' } })).toThrow(/data\.a is neither an object nor an array of rules/);
    expect(compile({ data: { a: [{ wildcard: '*' }] } })).toThrow(/data\.a: a rule has one of the operators/);
    expect(compile({ data: { a: [{ numeric: ['~', 1] }] } })).toThrow(/data\.a: numeric takes/);
    expect(compile({ data: { a: [] } })).toThrow(/data\.a has no rule/);
    expect(() => compileFilters({ filters: [] })).toThrow(/1 to 10 filters/);
  });
});
