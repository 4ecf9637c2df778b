import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger } from './demo/ledger.ts';

const shardId = 'shardId-000000000000';
const receipt = (sequenceNumber: string) => ({ shardId, sequenceNumber, subSequenceNumber: 0 });

describe('the ledger', () => {
  it('is complete when every acknowledged record and every word of it came out', () => {
    const ledger = new Ledger();
    ledger.acknowledge(receipt('1'), ['a', 'b', 'a']);
    expect(ledger.isComplete).toBe(false);
    ledger.count([
      ['a', 2],
      ['b', 1],
    ]);
    expect(ledger.isComplete).toBe(false);
    ledger.reach([[shardId, '1']]);
    expect(ledger.isComplete).toBe(true);
    expect(ledger.figures).toEqual({
      produced: 1,
      counted: 1,
      missing: 0,
      repeated: 0,
      unacknowledged: 0,
      words: 3,
      wordsCounted: 3,
      wordsDiffering: 0,
    });
  });

  it('tells missing, repeated and unknown records apart, and the same number in two shards', () => {
    const ledger = new Ledger();
    for (const number of ['1', '2', '3']) ledger.acknowledge(receipt(number), []);
    ledger.acknowledge({ ...receipt('1'), shardId: 'other' }, []);
    ledger.reach([
      [shardId, '1'],
      [shardId, '2'],
    ]);
    ledger.reach([
      [shardId, '2'],
      ['other', '1'],
      [shardId, '9'],
      [shardId, '2'],
    ]);
    expect(ledger.figures).toMatchObject({ produced: 4, counted: 3, missing: 1, repeated: 2, unacknowledged: 1 });
  });

  it('sees a word counted for another, though the sums agree', () => {
    const ledger = new Ledger();
    ledger.acknowledge(receipt('1'), ['a', 'b', 'c']);
    ledger.count([
      ['a', 2],
      ['c', 1],
    ]);
    expect(ledger.figures).toMatchObject({ words: 3, wordsCounted: 3, wordsDiffering: 2 });
  });

  it('puts partial counts together, the most frequent words first', () => {
    const ledger = new Ledger();
    ledger.count([
      ['b', 2],
      ['a', 1],
      ['c', 2],
    ]);
    ledger.count([['a', 4]]);
    expect(ledger.top(2)).toEqual([
      ['a', 5],
      ['b', 2],
    ]);
  });

  it('comes to the same figures in whatever order the two sides arrive', () => {
    type Step = readonly ['put' | 'out', number];
    const steps = (tag: Step[0]) =>
      fc.array(fc.nat({ max: 12 }), { maxLength: 20 }).map((all) => all.map((one): Step => [tag, one]));
    const apply = (all: readonly Step[]) => {
      const ledger = new Ledger();
      for (const [tag, number] of all) {
        if (tag === 'put') ledger.acknowledge(receipt(String(number)), [`w${number % 3}`]);
        else ledger.reach([[shardId, String(number)]]);
      }
      return ledger.figures;
    };
    fc.assert(
      fc.property(steps('put'), steps('out'), fc.infiniteStream(fc.boolean()), (puts, outs, choices) => {
        const left = { put: [...puts], out: [...outs] };
        const mixed: Step[] = [];
        while (left.put.length + left.out.length > 0) {
          const from = left.out.length === 0 || (left.put.length > 0 && choices.next().value === true) ? 'put' : 'out';
          mixed.push(left[from].shift() as Step);
        }
        const produced = new Set(puts.map(([, number]) => number));
        const reached = new Set(outs.map(([, number]) => number));
        const figures = apply(mixed);
        expect(figures).toEqual(apply([...puts, ...outs]));
        expect(figures).toMatchObject({
          produced: produced.size,
          counted: [...produced].filter((number) => reached.has(number)).length,
          missing: [...produced].filter((number) => !reached.has(number)).length,
          repeated: outs.length - reached.size,
          unacknowledged: [...reached].filter((number) => !produced.has(number)).length,
        });
      }),
    );
  });
});
