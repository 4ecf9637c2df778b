import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SHARD_END, comparePositions } from '../../lib/base/position.ts';
import { nextTurn } from '../../lib/base/turn.ts';
import { youngCollector } from '../../lib/base/young-garbage.ts';
import { BlockBuilder, type Slice } from '../../lib/receiver/block-builder.ts';
import { recordOverheadBytes } from '../../lib/receiver/held-bytes.ts';
import { at, record, shardId, tenure } from './values.ts';

function builder(limits: { blockMaxBytes?: number; blockMaxRecords?: number } = {}): BlockBuilder {
  return new BlockBuilder(shardId, tenure, at(0), { blockMaxBytes: 1_000, blockMaxRecords: 100, ...limits });
}

const sequences = (slice: Slice | undefined) => slice?.records.map((one) => Number(one.sequenceNumber));

describe('BlockBuilder', () => {
  it('makes nothing of nothing', () => {
    const empty = builder();
    expect(empty.seal()).toBeUndefined();
    expect(empty.add([], 0)).toEqual([]);
    expect(empty.isEmpty).toBe(true);
  });

  it('cuts at the number of records', () => {
    const blocks = builder({ blockMaxRecords: 2 });
    const full = blocks.add(
      [1, 2, 3, 4, 5].map((n) => record(n)),
      0,
    );
    expect(full.map(sequences)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(sequences(blocks.seal())).toEqual([5]);
  });

  it('lets a record that would pass the limit of bytes begin the next slice, over several pages', () => {
    const blocks = builder({ blockMaxBytes: 10 });
    expect(blocks.add([record(1, { bytes: 6 })], 0)).toEqual([]);
    const [first, ...more] = blocks.add([record(2, { bytes: 5 }), record(3, { bytes: 5 })], 0);
    expect(more).toEqual([]);
    expect(sequences(first)).toEqual([1]);
    expect(blocks.heldBytes).toBe(10 + 2 * recordOverheadBytes);
    expect(blocks.seal()).toMatchObject({ bytes: 10, heldBytes: 10 + 2 * recordOverheadBytes });
  });

  it('gives a record that is larger than the limit a slice of its own', () => {
    const blocks = builder({ blockMaxBytes: 10 });
    const full = blocks.add([record(1), record(2, { bytes: 50 }), record(3)], 0);
    expect(full.map(sequences)).toEqual([[1], [2]]);
    expect(sequences(blocks.seal())).toEqual([3]);
  });

  it('keeps nothing of a slice that was dropped, not even until old objects are collected', async () => {
    const collect = async () => {
      // What has lived through two of them is old. The bytes are freed by another thread, which the next one waits for.
      for (let time = 0; time < 4; time += 1) {
        await nextTurn();
        youngCollector()?.();
      }
      return process.memoryUsage().arrayBuffers;
    };
    const blocks = builder({ blockMaxBytes: 1_000_000_000 });
    const fill = (from: number) => {
      for (let page = 0; page < 4; page += 1) blocks.add([record(from + page, { bytes: 10_000_000 })], 0);
      return blocks.seal()?.bytes;
    };
    const before = await collect();
    for (const from of [1, 5, 9]) {
      expect(fill(from)).toBe(40_000_000);
      expect(await collect()).toBeLessThan(before + 20_000_000);
    }
  });

  it('carries how far the last read was behind', () => {
    const blocks = builder();
    blocks.add([record(1)], 5_000);
    blocks.add([record(2)], 300);
    expect(blocks.seal()?.millisBehindLatest).toBe(300);
  });

  it('ends the shard with a slice through SHARD_END, with or without records', () => {
    const blocks = builder();
    blocks.add([record(4)], 0);
    expect(blocks.sealEnd()).toMatchObject({ range: { after: at(0), through: SHARD_END }, bytes: 1 });
    const empty = builder().sealEnd();
    expect(empty).toMatchObject({ range: { after: at(0), through: SHARD_END }, records: [], bytes: 0 });
  });

  it('covers any records with ranges that follow each other, none lost, none twice, none over a limit', () => {
    const page = fc.array(fc.nat(30), { maxLength: 20 });
    const limits = fc.record({
      blockMaxBytes: fc.integer({ min: 1, max: 60 }),
      blockMaxRecords: fc.integer({ min: 1, max: 8 }),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(page, fc.boolean())), limits, fc.boolean(), (pages, limit, ends) => {
        const blocks = builder(limit);
        const slices: Slice[] = [];
        let sequence = 0;
        for (const [sizes, sealAfter] of pages) {
          // Sequence numbers have gaps.
          const records = sizes.map((bytes) => record((sequence += 3), { bytes }));
          slices.push(...blocks.add(records, 0));
          const sealed = sealAfter ? blocks.seal() : undefined;
          if (sealed !== undefined) slices.push(sealed);
        }
        const last = ends ? blocks.sealEnd() : blocks.seal();
        if (last !== undefined) slices.push(last);
        const all = slices.flatMap((slice) => slice.records.map((one) => Number(one.sequenceNumber)));
        expect(all).toEqual(Array.from({ length: sequence / 3 }, (_, index) => (index + 1) * 3));
        let end = at(0);
        for (const slice of slices) {
          expect(slice.range.after).toEqual(end);
          end = slice.range.through;
          expect(slice.bytes).toBe(slice.records.reduce((sum, one) => sum + one.data.byteLength, 0));
          expect(slice.records.length).toBeLessThanOrEqual(limit.blockMaxRecords);
          const isGiant = slice.records.some((one) => one.data.byteLength > limit.blockMaxBytes);
          if (!isGiant) expect(slice.bytes).toBeLessThanOrEqual(limit.blockMaxBytes);
          for (const one of slice.records) expect(comparePositions(one.position, end)).toBeLessThanOrEqual(0);
        }
        if (ends) expect(end).toEqual(SHARD_END);
        expect(blocks.isEmpty).toBe(true);
        expect(blocks.heldBytes).toBe(0);
      }),
    );
  });
});
