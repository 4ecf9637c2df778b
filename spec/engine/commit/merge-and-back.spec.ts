import { describe, expect, it } from 'vitest';
import { Reshards } from './reshards.ts';

const root = 'shardId-000000000000';

/** An application in `application` scope that has read one of two merged shards to its end, and not the other (0 or 1). */
async function halfMerged(other: number) {
  const reshards = new Reshards();
  const { fleet } = reshards;
  const first = await reshards.start();
  await reshards.feed([root], 5);
  const parents = fleet.kinesis.split(root);
  await reshards.feed(parents, async () => !(await reshards.kept()).includes(root));
  first.kill();
  await reshards.admin.migrate({ toScope: 'application' });
  reshards.shown.clear();
  const second = await reshards.start('application');
  await reshards.feed(parents, 5);
  expect(await reshards.wrong()).toEqual([]);

  const goOn = fleet.kinesis.intercept((call, proceed) =>
    call.operation === 'getRecords' && call.shardId === parents[other] ? new Promise(() => {}) : proceed(),
  );
  await reshards.feed(parents, 2);
  const merged = fleet.kinesis.merge(...parents);
  await fleet.clock.advance(5_000);
  const { positions = {} } = (await reshards.admin.inspect()).groups[0]?.versions.at(-1) ?? {};
  expect(Object.values(positions).filter((position) => position === 'SHARD_END')).toHaveLength(1);
  second.kill();
  goOn();
  return { reshards, merged, ended: parents[1 - other] as string };
}

describe('state that is brought back to shard scope in the middle of a merge', () => {
  it.each([0, 1])('counts each record once while parent %i is still read', async (other) => {
    const { reshards, merged } = await halfMerged(other);
    await reshards.admin.migrate({ toScope: 'shard' });
    reshards.shown.clear();
    const third = await reshards.start();
    await reshards.fleet.clock.advance(20_000);
    await reshards.feed([merged], 20);
    expect(third.eventsOf('shard.failed')).toEqual([]);
    expect(await reshards.wrong()).toEqual([]);
  });

  it('stays where it is when nobody knows which part the ended parent has', async () => {
    const { reshards, merged, ended } = await halfMerged(0);
    const { hashKeyRange: _, ...row } = reshards.rowOf(ended) ?? expect.fail('no row');
    reshards.fleet.table.putRow(row);
    const refused = { code: 'MR_CONFIG_INVALID', message: expect.stringContaining(`the lease of shard ${ended}`) };
    await expect(reshards.admin.migrate({ toScope: 'shard' })).rejects.toMatchObject(refused);
    // Nothing was marked: the application goes on as it was.
    reshards.shown.clear();
    await reshards.start('application');
    await reshards.feed([merged], 20);
    expect(await reshards.wrong()).toEqual([]);
  });
});
