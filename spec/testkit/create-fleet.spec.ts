import { describe, expect, it } from 'vitest';
import { BrokenPromise, createFleet } from '../../lib/testkit/index.ts';

describe('createFleet', () => {
  it('runs a user’s handler on many workers, through a kill, a join and a split, and loses nothing', async () => {
    const seen = new Map<string, number>();
    const fleet = createFleet({
      seed: 7,
      shards: 4,
      workers: 2,
      consumer: ({ records }) => {
        for (const record of records) seen.set(record.text(), (seen.get(record.text()) ?? 0) + 1);
      },
    });
    let count = 0;
    const put = (records: number) => {
      for (let index = 0; index < records; index += 1, count += 1) fleet.put(`key ${count}`, `record ${count}`);
    };
    put(100);
    await fleet.runUntil(() => seen.size === 100);
    fleet.workers[0]?.kill();
    fleet.start('late');
    fleet.split(fleet.kinesis.openShards[0]?.shardId ?? '');
    put(100);
    await fleet.runUntil(() => seen.size === 200, 120_000);
    fleet.check();
    expect([...seen.keys()].sort()).toEqual(Array.from({ length: 200 }, (_, index) => `record ${index}`).sort());
  });

  it('stops at the first promise that does not hold, with the sentence', async () => {
    const fleet = createFleet({ shards: 1, workers: 1 });
    fleet.fail('the mail was sent twice');
    await expect(fleet.advance(1_000)).rejects.toThrow(new BrokenPromise('the mail was sent twice'));
  });
});
