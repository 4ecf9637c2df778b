import { expect, it } from 'vitest';
import { benchSnapshot } from '../../bench/snapshot.ts';

it('the bench of snapshots tells the same each time, and that only the shards that were read are made anew', () => {
  const first = benchSnapshot({ shards: 30, ticks: 2 });
  expect(first.checksum).toBe(benchSnapshot({ shards: 30, ticks: 2 }).checksum);
  const { none, tenth, all } = first.read;
  expect([none.rebuiltRows, tenth.rebuiltRows, all.rebuiltRows]).toEqual([0, 3, 30]);
  expect(none.toldBytes).toBeLessThan(tenth.toldBytes);
  expect(tenth.toldBytes).toBeLessThan(all.toldBytes);
  expect(all.snapshotMillis).toBeGreaterThan(0);
});
