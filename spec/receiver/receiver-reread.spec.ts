import { describe, expect, it } from 'vitest';
import type { Block } from '../../lib/block/block.ts';
import type { DroppedRange } from '../../lib/block/block-source.ts';
import { AggregateBuilder } from '../../lib/kinesis/kpl/aggregate-builder.ts';
import { Fleet } from './fleet.ts';

const [first, second] = ['shardId-000000000000', 'shardId-000000000001'] as const;
const signal = new AbortController().signal;

function droppedOf({ range, records }: Block): DroppedRange {
  return { source: range, range, records: records.length };
}

const textsOf = (read: readonly (readonly { text(): string }[])[]) => read.map((part) => part.map((one) => one.text()));

/** A worker over one shard with two aggregates of ten records and a plain one, in blocks of three; it acks nothing. */
async function holding() {
  const fleet = new Fleet();
  for (const name of ['a', 'b']) {
    const builder = new AggregateBuilder({ maxBytes: 1_000_000, maxRecords: 100 });
    for (let n = 0; n < 10; n += 1) builder.add({ partitionKey: name, data: Buffer.from(`${name}${n}`) });
    fleet.kinesis.putTo(first, builder.build().data);
  }
  fleet.kinesis.putTo(first, Buffer.from('c'));
  const worker = fleet.start('a', { blockMaxRecords: 3, handle: () => false });
  await fleet.clock.runUntil(() => worker.blocks.flatMap(({ records }) => records).length === 21);
  const { lineage } = worker.receiver;
  const read = (dropped: readonly DroppedRange[]) => fleet.clock.runUntil(lineage.read(dropped, signal));
  return { fleet, worker, lineage, read };
}

describe('blocks that were dropped from memory', () => {
  it('are read again as they were, inside aggregates too, and their shard asks for no further page until they are finished', async () => {
    const { fleet, worker, lineage, read } = await holding();
    const waiting = worker.blocks.slice(1);
    expect(lineage.drop(waiting.map(({ range }) => range))).toBe(true);
    // Memory for a page is put by, and the page asked for, only when the pace of the shard allows it: not yet, when they were dropped.
    fleet.kinesis.putTo(first, Buffer.from('later'));
    await fleet.clock.advance(5_000);
    const last = () => worker.blocks.at(-1)?.records[0]?.text();
    expect(last()).toBe('b8');
    expect(textsOf(await read(waiting.map(droppedOf)))).toEqual(textsOf(waiting.map(({ records }) => records)));
    for (const { range } of worker.blocks) worker.receiver.ack(range);
    await fleet.clock.runUntil(() => last() === 'later');
  });

  it('are read again in the part that was taken of them', async () => {
    const { worker, lineage, read } = await holding();
    const [, block] = worker.blocks as [Block, Block];
    expect(lineage.drop([block.range])).toBe(true);
    const after = block.records[0]!.position;
    const part = { source: block.range, range: { ...block.range, after }, records: 2 };
    expect(textsOf(await read([part]))).toEqual([['a4', 'a5']]);
  });

  it('are told when not all of them are there any more', async () => {
    const { worker, lineage, read } = await holding();
    const block = worker.blocks.at(-1) as Block;
    expect(lineage.drop([block.range])).toBe(true);
    const more = { ...droppedOf(block), records: block.records.length + 1 };
    await expect(read([more])).rejects.toThrow(
      /MR_POSITION_TRIMMED: .* had \d records when it was read first, and has \d now/,
    );
  });

  it('stay when they begin at no record, are finished, or of another tenure; what is of another is not read', async () => {
    const { worker, lineage, read } = await holding();
    const [block, next] = worker.blocks as [Block, Block];
    expect(lineage.drop([block.range])).toBe(false);
    const other = { ...next.range, tenure: next.tenure + 1 };
    expect(lineage.drop([other])).toBe(false);
    await expect(read([{ ...droppedOf(next), source: other }])).rejects.toThrow(/MR_LEASE_LOST/);
    worker.receiver.ack(block.range);
    worker.receiver.ack(next.range);
    expect(lineage.drop([next.range])).toBe(false);
  });
});

describe('the memory of blocks that wait', () => {
  it('is wanted when another shard waits for it, and is free once they are dropped, up to an eighth of the budget', async () => {
    const maxBufferedBytes = 1_048_576;
    const fleet = new Fleet({ shardCount: 2 });
    const worker = fleet.start('a', { maxBufferedBytes, blockMaxRecords: 1, handle: () => false });
    const { lineage } = worker.receiver;
    await fleet.clock.runUntil(() => Object.values(fleet.owners).filter((owner) => owner === 'a').length === 2);
    const blocksOf = (shardId: string) => worker.blocks.filter((block) => block.shardId === shardId);
    for (let n = 0; n < 30; n += 1) fleet.kinesis.putTo(first, new Uint8Array(30_000));
    await fleet.clock.advance(10_000);
    const held = blocksOf(first);
    expect(lineage.isWanted(held[1]!.range)).toBe(false);
    for (let n = 0; n < 60; n += 1) {
      fleet.kinesis.putTo(second, new Uint8Array(30_000));
      await fleet.clock.advance(300);
    }
    const before = blocksOf(second).length;
    expect(lineage.isWanted(held[1]!.range)).toBe(true);
    expect(lineage.drop(held.slice(1).map(({ range }) => range))).toBe(false);
    const few = held.slice(1, 4);
    for (const some of [few, ...[4, 8, 12, 16, 20].map((from) => held.slice(from, from + 4))]) {
      expect(lineage.drop(some.map(({ range }) => range))).toBe(true);
    }
    await fleet.clock.advance(10_000);
    expect(blocksOf(second).length).toBeGreaterThan(before);
    // What is read again waits for room; the other shard's blocks make it when they are finished.
    let read: unknown;
    void lineage.read(few.map(droppedOf), signal).then((found) => (read = found));
    await fleet.clock.advance(10_000);
    for (const { range } of blocksOf(second)) worker.receiver.ack(range);
    await fleet.clock.runUntil(() => read !== undefined);
    expect(blocksOf(first)).toHaveLength(held.length);
  });
});
