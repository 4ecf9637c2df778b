import { describe, expect, it } from 'vitest';
import { BlockBuilder } from '../../lib/receiver/block-builder.ts';
import { heldBytesOf, heldPerByte, recordOverheadBytes } from '../../lib/receiver/held-bytes.ts';
import { at, record, shardId, tenure } from './values.ts';

const records = [record(1, { bytes: 300 }), record(2, { bytes: 100 }), record(3, { bytes: 0 })];

describe('what a page keeps in memory', () => {
  it('is its answer, not its data, and its records', () => {
    const page = { records, bytes: 400, wireBytes: 1_000, millisBehindLatest: 0 };
    expect(heldBytesOf(page)).toBe(1_000 + 3 * recordOverheadBytes);
    expect(heldPerByte(page)).toBe(2.5);
  });

  it('is its data where the records are copies', () => {
    const page = { records, bytes: 400, millisBehindLatest: 0 };
    expect(heldBytesOf(page)).toBe(400 + 3 * recordOverheadBytes);
    expect(heldPerByte(page)).toBe(1);
    // Compressed text, if a service ever sends it: the data are copies then, and count whole.
    expect(heldBytesOf({ ...page, wireBytes: 100 })).toBe(400 + 3 * recordOverheadBytes);
  });

  it('is shared out among its blocks, whole', () => {
    const page = { records, bytes: 400, wireBytes: 1_000, millisBehindLatest: 0 };
    const builder = new BlockBuilder(shardId, tenure, at(0), { blockMaxBytes: 1_000, blockMaxRecords: 1 });
    const slices = builder.add(page.records, 0, heldPerByte(page));
    expect(slices.map((slice) => slice.heldBytes - recordOverheadBytes)).toEqual([750, 250, 0]);
    expect(slices.reduce((sum, slice) => sum + slice.heldBytes, 0)).toBe(heldBytesOf(page));
  });

  it('has a share of nothing when no record has data', () => {
    expect(heldPerByte({ records, bytes: 0, wireBytes: 1_000, millisBehindLatest: 0 })).toBe(1);
  });
});
