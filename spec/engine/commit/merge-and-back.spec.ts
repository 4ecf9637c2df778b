import { expect, it } from 'vitest';
import { Reshards } from './reshards.ts';

const root = 'shardId-000000000000';

it.each([0, 1])(
  'state is brought back to shard scope in the middle of a merge, parent %i still being read: each record counts once',
  async (place) => {
    const reshards = new Reshards();
    const { fleet } = reshards;
    const first = await reshards.start();
    await reshards.feed([root], 5);
    const parents = fleet.kinesis.split(root);
    const [lower, upper] = parents;
    await reshards.feed(parents, async () => !(await reshards.kept()).includes(root));
    first.kill();
    await reshards.admin.migrate({ toScope: 'application' });
    reshards.shown.clear();
    const second = await reshards.start('application');
    await reshards.feed(parents, 5);
    expect(await reshards.wrong()).toEqual([]);

    const held = parents[place] as string;
    const goOn = fleet.kinesis.intercept((call, proceed) =>
      call.operation === 'getRecords' && call.shardId === held ? new Promise(() => {}) : proceed(),
    );
    await reshards.feed(parents, 2);
    const merged = fleet.kinesis.merge(lower, upper);
    await fleet.clock.advance(5_000);
    const positions = (await reshards.admin.inspect()).groups[0]?.versions.at(-1)?.positions ?? {};
    expect(Object.values(positions).filter((position) => position === 'SHARD_END')).toHaveLength(1);
    second.kill();
    goOn();

    await reshards.admin.migrate({ toScope: 'shard' });
    reshards.shown.clear();
    const third = await reshards.start();
    await fleet.clock.advance(20_000);
    await reshards.feed([merged], 20);
    console.log(
      JSON.stringify([...reshards.shown].map(([g, m]) => [g, [...m]])),
      JSON.stringify(
        fleet.table.rows.map((r) => [
          r.leaseKey,
          r.checkpoint.kind,
          r.engineState?.slice(0, 60),
          r.engineInherit?.map((t) => t.slice(0, 90)),
        ]),
      ),
      JSON.stringify(third.eventsOf('shard.failed')),
    );
    expect(third.eventsOf('shard.failed')).toEqual([]);
    expect(await reshards.wrong()).toEqual([]);
  },
);
