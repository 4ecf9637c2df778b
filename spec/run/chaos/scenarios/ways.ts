import { type Scenario, undisturbedMillis } from '../scenario.ts';
import { batchIntervalMillis } from '../worker-settings.ts';

/** Other ways to consume than a function for each block. */
export const wayScenarios: readonly Scenario[] = [
  {
    name: 'foreign-engine',
    summary: 'workers that feed an engine of their own: one is told to finish, a shard is split, one is killed',
    shards: 4,
    async play(stage) {
      for (const name of ['a', 'b', 'c']) stage.start(name, { way: 'engine' });
      await stage.begin();
      await stage.terminate(stage.follower);
      await stage.settled();
      const [shard] = stage.control.openShards;
      await stage.control.split(shard?.shardId ?? '');
      await stage.settled();
      stage.start('d', { way: 'engine' });
      await stage.settled();
      await stage.kill(stage.follower);
      await stage.settled();
    },
    pauseBoundMillis: ({ failoverTimeMillis }) =>
      failoverTimeMillis + 3_000 + undisturbedMillis + 2 * batchIntervalMillis,
  },
];
