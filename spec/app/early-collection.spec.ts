import { describe, expect, it } from 'vitest';
import { EarlyCollection, leastBytes, mostBytes } from '../../lib/app/early-collection.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { nextTurn } from '../../lib/base/turn.ts';

/** A collection that takes so long by a clock that otherwise stands still. */
function collection(tookMillis = 0) {
  let nowMillis = 0;
  const counts = { collected: 0 };
  const clock: Clock = {
    wallMillis: () => nowMillis,
    monotonicMillis: () => nowMillis,
    timer: () => () => {},
  };
  const collect = () => {
    counts.collected += 1;
    nowMillis += tookMillis;
  };
  const early = new EarlyCollection({ collect, clock });
  const read = async (bytes: number, afterMillis = 100) => {
    nowMillis += afterMillis;
    early.hear({ type: 'shard.read', shardId: 'shard', records: 1, bytes, millisBehindLatest: 0 });
    await nextTurn();
    await nextTurn();
  };
  return { early, read, counts };
}

describe('collecting young objects early', () => {
  it('happens once for so many bytes, however many pages they came in', async () => {
    const { read, counts } = collection();
    for (let page = 0; page < 3; page += 1) await read(leastBytes / 4);
    expect(counts.collected).toBe(0);
    await read(leastBytes / 4);
    expect(counts.collected).toBe(1);
    await read(leastBytes - 1);
    expect(counts.collected).toBe(1);
    await read(1);
    expect(counts.collected).toBe(2);
  });

  it('waits for the next turn, and is one for all that was read before it', async () => {
    const { early, counts } = collection();
    const event = {
      type: 'shard.read',
      shardId: 'shard',
      records: 1,
      bytes: leastBytes,
      millisBehindLatest: 0,
    } as const;
    early.hear(event);
    early.hear(event);
    expect(counts.collected).toBe(0);
    await nextTurn();
    await nextTurn();
    expect(counts.collected).toBe(1);
  });

  it('becomes rarer, up to a bound, while it takes more than a tenth of the time, and then returns', async () => {
    const { read, counts } = collection(20);
    await read(leastBytes);
    expect(counts.collected).toBe(1);
    await read(leastBytes);
    expect(counts.collected).toBe(1);
    await read(leastBytes);
    expect(counts.collected).toBe(2);
    for (let more = 0; more < 10; more += 1) await read(mostBytes);
    expect(counts.collected).toBe(12);
    await read(mostBytes - 1);
    expect(counts.collected).toBe(12);
    await read(1, 10_000);
    let collected = 13;
    for (let bytes = mostBytes / 2; bytes >= leastBytes; bytes /= 2) {
      await read(bytes, 10_000);
      expect(counts.collected).toBe((collected += 1));
    }
    await read(leastBytes, 10_000);
    expect(counts.collected).toBe(collected + 1);
  });

  it('ends when it is stopped, even when it was asked for', async () => {
    const { early, read, counts } = collection();
    early.hear({ type: 'shard.read', shardId: 'shard', records: 1, bytes: leastBytes, millisBehindLatest: 0 });
    early.stop();
    await read(leastBytes);
    expect(counts.collected).toBe(0);
  });

  it('counts nothing but what was read', async () => {
    const { early, counts } = collection();
    early.hear({ type: 'block.sealed', shardId: 'shard', records: 1, bytes: leastBytes, through: '1:0' });
    await nextTurn();
    await nextTurn();
    expect(counts.collected).toBe(0);
  });
});
