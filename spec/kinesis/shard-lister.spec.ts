import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { type ListAllShardsOptions, listAllShards, listedEnd } from '../../lib/kinesis/shard-lister.ts';
import { awsError } from '../../lib/testkit/aws-error.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

function setup(shardCount: number, listShardsPageSize: number) {
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock, shardCount, listShardsPageSize });
  const list = (more: Partial<ListAllShardsOptions> = {}) => {
    const signal = new AbortController().signal;
    const listing = listAllShards({ api: fake.connect(), clock, random: seededRandom(1), signal, ...more });
    return clock.runUntil(listing, { atMostMillis: 3_600_000 });
  };
  return { clock, fake, list };
}

describe('listAllShards', () => {
  it('lists all pages, each shard once', async () => {
    const { fake, list } = setup(25, 10);
    const shards = await list();
    expect(shards.map((shard) => shard.shardId)).toEqual(fake.shards.map((shard) => shard.shardId));
    expect(fake.callCount('listShards')).toBe(3);
  });

  it('keeps the filter over the pages', async () => {
    const { fake, list } = setup(4, 2);
    for (const { shardId } of fake.shards) fake.split(shardId);
    const shards = await list({ filter: { type: 'AT_LATEST' } });
    expect(shards).toHaveLength(8);
    expect(shards.every((shard) => shard.endingSequenceNumber === undefined)).toBe(true);
  });

  it('waits out LimitExceeded', async () => {
    const { fake, clock, list } = setup(25, 10);
    fake.failNext('listShards', awsError('LimitExceededException'), 5);
    expect(await list()).toHaveLength(25);
    expect(clock.monotonicMillis()).toBeGreaterThan(2_000);
  });

  it('gives up on LimitExceeded without end', async () => {
    const { fake, list } = setup(1, 10);
    fake.failNext('listShards', awsError('LimitExceededException'), 1_000);
    await expect(list()).rejects.toMatchObject({ kind: 'throttled', code: 'MR_THROTTLED' });
    expect(fake.callCount('listShards')).toBe(13);
  });

  it('starts again when the paging token has expired', async () => {
    const { clock, fake, list } = setup(25, 10);
    const remove = fake.intercept(async (call, proceed) => {
      if (call.number === 2) {
        remove();
        // The first page's token grows old before the second page is asked for.
        await new Promise<void>((resolve) => clock.timer(300_001, resolve));
      }
      return proceed();
    });
    expect(await list()).toHaveLength(25);
    expect(fake.callCount('listShards')).toBe(5);
  });

  it('gives up when the token expires again and again', async () => {
    const { fake, list } = setup(25, 10);
    fake.failNext('listShards', awsError('ExpiredNextTokenException'), 100);
    await expect(list()).rejects.toMatchObject({ kind: 'tokenExpired' });
    expect(fake.callCount('listShards')).toBe(4);
  });

  it('gives up on a paging that does not end', async () => {
    const { fake, list } = setup(2, 1);
    const { nextToken } = await fake.connect().listShards({}, new AbortController().signal);
    fake.intercept(async (_call, proceed) => ({ ...((await proceed()) as object), nextToken }));
    await expect(list()).rejects.toThrow('has not ended after 1000 pages');
  });
});

describe('listedEnd', () => {
  it('finds that a shard is closed, and its children', async () => {
    const { fake, list } = setup(2, 10);
    const [one, other] = fake.shards.map((shard) => shard.shardId) as [string, string];
    const child = fake.merge(one, other);
    const shards = await list();
    expect(listedEnd(shards, one)).toMatchObject({
      closed: true,
      childShards: [{ shardId: child, parentShardIds: [one, other], startingHashKey: '0' }],
    });
    expect(listedEnd(shards, child)).toEqual({ closed: false, childShards: [] });
    expect(listedEnd(shards, 'unknown')).toEqual({ closed: false, childShards: [] });
  });
});
