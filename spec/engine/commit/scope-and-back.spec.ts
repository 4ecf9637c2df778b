import { expect, it } from 'vitest';
import { Reshards } from './reshards.ts';

const root = 'shardId-000000000000';

it('state of shards that were split is brought to the other scope and back: each record counts once', async () => {
  const reshards = new Reshards();
  const { fleet } = reshards;
  const first = await reshards.start();
  await reshards.feed([root], 5);
  const [lower, upper] = fleet.kinesis.split(root);
  await reshards.feed([lower, upper], async () => !(await reshards.kept()).includes(root));
  expect(await reshards.wrong()).toEqual([]);
  first.kill();

  await reshards.admin.migrate({ toScope: 'application' });
  reshards.shown.clear();
  const second = await reshards.start('application');
  await reshards.feed([lower, upper], 5);
  expect(await reshards.wrong()).toEqual([]);
  second.kill();

  await reshards.admin.migrate({ toScope: 'shard' });
  reshards.shown.clear();
  const third = await reshards.start();
  await reshards.feed([lower, upper], 30);
  expect(third.eventsOf('shard.failed')).toEqual([]);
  expect(await reshards.wrong()).toEqual([]);
});
