import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { type PageChange, changeBetween, withChange } from '../../lib/web/change.ts';
import { type PageState, PageStates } from '../../lib/web/page-state.ts';
import { shardName, tellBatch, tellShards, toldSource } from './sources.ts';

type Told = ReturnType<typeof toldSource>;

/** Things that may happen, each a few events. */
const happenings: readonly ((source: Told, number: number) => void)[] = [
  (source, number) => tellShards(source, 1 + (number % 5)),
  (source, number) => tellBatch(source, { id: number, records: number, ...(number % 3 === 0 ? { failure: 'x' } : {}) }),
  (source, number) => tellBatch(source, { group: shardName(number % 3), id: number, records: 1 }),
  (source, number) => source.tell(submitted(source, number)),
  (source, number) => {
    const leaseKey = shardName(number % 5);
    source.tell({ type: 'lease.lost', leaseKey, tenure: (number % 5) + 1, reason: 'taken' });
  },
  (source, number) => source.tell({ type: 'lease.deleted', leaseKey: shardName(number % 5) }),
  (source, number) =>
    source.tell({ type: 'lease.handoff', leaseKey: shardName(number % 9), from: 'a', to: `b${number}` }),
  (source, number) => {
    const alert = { type: 'alert.raised', alert: 'leaseChurn', subject: `${number % 4}` } as const;
    source.tell({ ...alert, message: 'm', value: number, threshold: 1 });
  },
  (source, number) => source.tell({ type: 'alert.cleared', alert: 'leaseChurn', subject: `${number % 4}` }),
  (source, number) => {
    source.nowMillis += 1_000 * (number % 90);
  },
];

function submitted(source: Told, number: number): MillraceEvent {
  return { type: 'batch.submitted', group: `g${number % 4}`, batchTimeMillis: source.nowMillis, records: 1, blocks: 1 };
}

/** What a browser has of a message. */
function sent<T>(message: T): T {
  return JSON.parse(JSON.stringify(message)) as T;
}

it('changes, applied one after the other, lead to the states themselves', () => {
  const step = fc.tuple(fc.nat({ max: happenings.length - 1 }), fc.nat({ max: 1_000 }));
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }), (rounds) => {
      const source = toldSource();
      const states = new PageStates();
      let last = states.of(source.snapshot());
      let browser: PageState = sent(last);
      for (const round of rounds) {
        for (const [index, number] of round) happenings[index]!(source, number);
        const next = states.of(source.snapshot());
        browser = withChange(browser, sent<PageChange>(changeBetween(last, next)));
        last = next;
        expect(browser).toEqual(sent(next));
      }
    }),
    { numRuns: 100 },
  );
});

it('tells only what has changed: of a thousand shards the one that was read', () => {
  const source = toldSource();
  tellShards(source, 1_000);
  const states = new PageStates();
  const before = states.of(source.snapshot());
  source.tell({ type: 'shard.read', shardId: shardName(7), records: 1, bytes: 1, millisBehindLatest: 0 });
  const { lists, pasts } = changeBetween(before, states.of(source.snapshot()));
  // The fields that are different, and those that name the shard.
  expect(lists?.shards?.put).toEqual([
    { streamName: 'orders', shardId: shardName(7), records: 18, bytes: 8_001, reads: 2, millisBehindLatest: 0 },
  ]);
  expect(lists?.shards?.keys).toBeUndefined();
  expect(lists?.leases).toBeUndefined();
  expect(pasts).toBeUndefined();
});

it('tells nothing where nothing happened', () => {
  const source = toldSource();
  tellShards(source, 3);
  const states = new PageStates();
  const state = states.of(source.snapshot());
  source.nowMillis += 1;
  expect(Object.keys(changeBetween(state, states.of(source.snapshot())))).toEqual(['version', 'takenAtMillis']);
});

it('lists so much of an error only, in the same entry each time', () => {
  const source = toldSource();
  tellBatch(source, { id: 1, records: 1, failure: 'x'.repeat(1_000_000) });
  const states = new PageStates();
  const [one, other] = [states.of(source.snapshot()), states.of(source.snapshot())];
  expect(JSON.stringify(one).length).toBeLessThan(20_000);
  expect(one.completedBatches[0]?.error).toBe(`${'x'.repeat(1_000)} ...`);
  expect(other.completedBatches[0]).toBe(one.completedBatches[0]);
  expect(other.completedStages[0]).toBe(one.completedStages[0]);
  expect(source.snapshot().batches.completed[0]?.error).toHaveLength(1_000_000);
});
