import assert from 'node:assert/strict';
import type { EpochRow, EpochTable } from '../../engine/commit/epoch-table.ts';
import type { ConformanceCase } from './case.ts';

/** Makes tables of applications that no process ever held. */
export interface EpochTableBench {
  createTable(): Promise<EpochTable>;
}

const never = new AbortController().signal;

const first: EpochRow = {
  epoch: 1,
  owner: 'one#ab',
  counter: 1,
  leaseDurationMillis: 10_000,
  batchId: 0,
  isReleased: false,
};

/** What every implementation of `EpochTable` must do, each case on a row of its own. */
export function epochTableSuite(bench: EpochTableBench): readonly ConformanceCase[] {
  const on = (name: string, body: (table: EpochTable) => Promise<void>): ConformanceCase => ({
    name,
    run: async () => {
      const table = await bench.createTable();
      await table.open(never);
      await body(table);
    },
  });
  return [
    on('has no row before the first holder', async (table) => assert.equal(await table.read(never), undefined)),
    on('can be opened again', async (table) => {
      await table.write(first, undefined, never);
      await table.open(never);
      assert.deepEqual(await table.read(never), first);
    }),
    on('gives back what was written, field by field', givesBack),
    on('lets one of many first holders in', oneHolder),
    on('refuses a write after another epoch, counter or batch, and tells the row', refusesOthers),
    on('refuses a first write where there is a row', async (table) => {
      await table.write(first, undefined, never);
      const outcome = await table.write({ ...first, owner: 'two#cd' }, undefined, never);
      assert.deepEqual(outcome, { tag: 'refused', row: first });
    }),
    on('refuses a later write where there is no row, and makes none', async (table) => {
      const outcome = await table.write({ ...first, counter: 2 }, first, never);
      assert.deepEqual(outcome, { tag: 'refused', row: undefined });
      assert.equal(await table.read(never), undefined);
    }),
    on('rejects with the reason of the signal', async (table) => {
      const reason = new Error('enough');
      await assert.rejects(table.read(AbortSignal.abort(reason)), reason);
      await assert.rejects(table.write(first, undefined, AbortSignal.abort(reason)), reason);
      assert.equal(await table.read(never), undefined);
    }),
  ];
}

async function givesBack(table: EpochTable): Promise<void> {
  assert.deepEqual(await table.write(first, undefined, never), { tag: 'applied' });
  const later: EpochRow = {
    ...first,
    counter: 2,
    batchId: 7,
    pointer: '{"v":1,"text":"ü \\" quoted"}',
    isReleased: true,
  };
  assert.deepEqual(await table.write(later, first, never), { tag: 'applied' });
  assert.deepEqual(await table.read(never), later);
}

async function oneHolder(table: EpochTable): Promise<void> {
  const rows = Array.from({ length: 8 }, (_, index) => ({ ...first, owner: `process ${index}` }));
  const outcomes = await Promise.all(rows.map((row) => table.write(row, undefined, never)));
  const winners = rows.filter((_, index) => outcomes[index]?.tag === 'applied');
  assert.equal(winners.length, 1);
  assert.deepEqual(await table.read(never), winners[0]);
}

async function refusesOthers(table: EpochTable): Promise<void> {
  await table.write(first, undefined, never);
  const next = { ...first, counter: 2 };
  for (const wrong of [{ epoch: 2 }, { counter: 9 }, { batchId: 3 }]) {
    assert.deepEqual(await table.write(next, { ...first, ...wrong }, never), { tag: 'refused', row: first });
  }
  assert.deepEqual(await table.read(never), first);
}
