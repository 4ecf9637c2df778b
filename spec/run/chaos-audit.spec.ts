import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditInput, type HandledLine, audit, placeOf } from './chaos/audit.ts';
import type { ProducedRecord } from './chaos/load.ts';

/** Ten records of a shard, whose numbers are those of one key. */
const produced: readonly ProducedRecord[] = Array.from({ length: 10 }, (_, index) => ({
  shardId: 'shard-0',
  sequenceNumber: String(1_000 + index * 7),
  key: 'key',
  number: index + 1,
  atMillis: index,
}));

/** A line about some of the records, by their numbers. */
function line(
  worker: string,
  atMillis: number,
  numbers: readonly number[],
  more: Partial<HandledLine> = {},
): HandledLine {
  const records = numbers.map((number) => {
    const { sequenceNumber = '', key = '' } = produced[number - 1] ?? {};
    return { sequenceNumber, subSequenceNumber: 0, key, number };
  });
  return { worker, atMillis, sinceMillis: atMillis - 1, shardId: 'shard-0', records, ...more };
}

function check(handled: readonly HandledLine[], more: Partial<AuditInput> = {}) {
  return audit({ produced, handled, deadLetters: new Set(), excuses: [], lateWork: [], ...more });
}

const all = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const good = { produced: 10, missing: 0, outOfOrder: 0, repeated: 0, unexcused: 0, repeatedBound: 0, foreign: 0 };

describe('audit', () => {
  it('finds nothing when every record was handled once and in order, whatever the order in which ledgers are read', () => {
    const lines = [line('a', 1, [1, 2, 3]), line('b', 5, [4, 5, 6]), line('a', 9, [7, 8, 9, 10])];
    expect(check(lines)).toEqual({ ...good, examples: [] });
    expect(check(lines.toReversed())).toEqual({ ...good, examples: [] });
  });

  it('finds what is missing, and counts a dead letter as handled', () => {
    const lines = [line('a', 1, [1, 2, 3, 5, 6, 7, 8, 9, 10])];
    expect(check(lines)).toMatchObject({ ...good, missing: 1 });
    expect(check(lines).examples).toEqual(['missing: shard-0 1021 (key 4)']);
    expect(check(lines, { deadLetters: new Set([placeOf('shard-0', '1021')]) })).toMatchObject(good);
  });

  it('finds a record that was first seen after a later one of its shard', () => {
    const result = check([line('a', 1, [1, 2, 4, 3, 5, 6, 7, 8, 9, 10])]);
    expect(result).toMatchObject({ ...good, outOfOrder: 1 });
    expect(result.examples).toEqual(['out of order: key 3 after a later record of the shard, in shard-0 by a at 1 ms']);
  });

  it('finds a record that was first seen after a later one of its key, in the child of its shard', () => {
    const child = { shardId: 'shard-1', sequenceNumber: '5000', key: 'key', number: 11, atMillis: 11 };
    const records = [{ sequenceNumber: '5000', subSequenceNumber: 0, key: 'key', number: 11 }];
    const early = line('b', 5, [], { shardId: 'shard-1', records });
    const lines = [line('a', 1, all.slice(0, 8)), early, line('a', 9, [9, 10])];
    expect(check(lines, { produced: [...produced, child] })).toMatchObject({ ...good, produced: 11, outOfOrder: 2 });
  });

  it('does not call a record out of order that comes again after later ones', () => {
    const excuses = [{ worker: 'a', fromMillis: 0, throughMillis: 1 }];
    const lines = [line('a', 1, all), line('b', 5, [4, 5])];
    expect(check(lines, { excuses })).toMatchObject({ ...good, repeated: 2, repeatedBound: 10 });
  });

  it('counts what comes again, and excuses only what the struck worker did in the time that it may have lost', () => {
    const lines = [line('a', 100, all.slice(0, 5)), line('a', 200, all.slice(5)), line('b', 900, [5, 6, 7])];
    expect(check(lines)).toMatchObject({ ...good, repeated: 3, unexcused: 3 });
    const tail = { worker: 'a', fromMillis: 150, throughMillis: 250 };
    expect(check(lines, { excuses: [tail] })).toMatchObject({ ...good, repeated: 3, unexcused: 1, repeatedBound: 5 });
    const others = [
      { ...tail, worker: 'b' },
      { ...tail, shardId: 'shard-1' },
      { ...tail, throughMillis: 199 },
    ];
    expect(check(lines, { excuses: others })).toMatchObject({ repeated: 3, unexcused: 3, repeatedBound: 0 });
    expect(check(lines, { excuses: [{ fromMillis: 0, throughMillis: 250 }] })).toMatchObject({ unexcused: 0 });
  });

  it('counts a record that one worker handles twice, in one line or in two', () => {
    expect(check([line('a', 1, [1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10])])).toMatchObject({
      ...good,
      repeated: 1,
      unexcused: 1,
    });
    expect(check([line('a', 1, all), line('a', 2, [10])])).toMatchObject({ ...good, repeated: 1, unexcused: 1 });
  });

  it('excuses work that was under way when its process was stopped, but none that was begun later', () => {
    const lateWork = [{ worker: 'a', begunBeforeMillis: 200 }];
    const others = line('b', 300, all);
    const underWay = line('a', 900, [1], { sinceMillis: 190 });
    expect(check([others, underWay], { lateWork })).toMatchObject({ repeated: 1, unexcused: 0, repeatedBound: 1 });
    const begunLater = line('a', 900, [1], { sinceMillis: 890 });
    expect(check([others, begunLater], { lateWork })).toMatchObject({ repeated: 1, unexcused: 1, repeatedBound: 0 });
  });

  it('finds records that nobody put, and contents that are others', () => {
    const stranger = { sequenceNumber: '9', subSequenceNumber: 0, key: 'key', number: 1 };
    expect(check([line('a', 0, [], { records: [stranger] }), line('a', 1, all)])).toMatchObject({ foreign: 1 });
    const [first = stranger] = line('a', 1, all).records;
    const changed = line('a', 1, [], { records: [{ ...first, key: 'other' }] });
    expect(check([changed, line('a', 2, all.slice(1))])).toMatchObject({ missing: 0, foreign: 1 });
  });

  it('tells sub-records of one aggregate apart', () => {
    const records = [0, 1].map((subSequenceNumber) => ({
      sequenceNumber: '1000',
      subSequenceNumber,
      key: 'key',
      number: subSequenceNumber + 1,
    }));
    expect(check([line('a', 1, [], { records })])).toMatchObject({ repeated: 0, outOfOrder: 0 });
  });

  it('finds every single loss, repetition and exchange, wherever it is and however the work is shared', () => {
    const cuts = fc
      .uniqueArray(fc.integer({ min: 1, max: 9 }))
      .map((places) => [0, ...places.sort((a, b) => a - b), 10]);
    const linesOf = (numbers: readonly number[], places: readonly number[]) =>
      places.slice(1).map((end, index) => line(`w${index % 3}`, index, numbers.slice(places[index], end)));
    fc.assert(
      fc.property(cuts, fc.integer({ min: 0, max: 8 }), (places, at) => {
        expect(check(linesOf(all, places))).toMatchObject(good);
        const lost = all.toSpliced(at, 1);
        expect(check(linesOf(lost, places))).toMatchObject({ missing: 1, outOfOrder: 0, repeated: 0 });
        const exchanged = all.with(at, all[at + 1] ?? 0).with(at + 1, all[at] ?? 0);
        expect(check(linesOf(exchanged, places))).toMatchObject({ missing: 0, outOfOrder: 1, repeated: 0 });
        const again = [...linesOf(all, places), line('w1', 99, [at + 1])];
        expect(check(again)).toMatchObject({ missing: 0, outOfOrder: 0, repeated: 1, unexcused: 1 });
      }),
    );
  });
});
