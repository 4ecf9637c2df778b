import { type Scenario, cleanPauseMillis, undisturbedMillis } from '../scenario.ts';

/** Shards that are split and merged. */
export const reshardScenarios: readonly Scenario[] = [
  {
    name: 'split',
    summary: 'two of four shards are split',
    shards: 4,
    async play(stage) {
      await stage.begin('a', 'b');
      const [first, second] = stage.control.openShards.map(({ shardId }) => shardId);
      await stage.control.split(first ?? '');
      await stage.control.split(second ?? '');
      await stage.settled();
    },
    pauseBoundMillis: () => cleanPauseMillis,
  },
  {
    name: 'merge',
    summary: 'four shards are merged into two',
    shards: 4,
    async play(stage) {
      await stage.begin('a', 'b');
      const [first, second, third, fourth] = stage.control.openShards.map(({ shardId }) => shardId);
      await stage.control.merge(first ?? '', second ?? '');
      await stage.control.merge(third ?? '', fourth ?? '');
      await stage.settled();
    },
    pauseBoundMillis: () => cleanPauseMillis,
  },
  {
    name: 'split-while-killed',
    summary: 'kill -9 of the worker whose shard is just being split',
    shards: 4,
    async play(stage) {
      await stage.begin('a', 'b', 'c');
      const victim = stage.follower;
      const [shardId = ''] = stage.holdingsOf(victim).shards;
      await stage.control.split(shardId);
      await stage.kill(victim);
      await stage.settled();
    },
    pauseBoundMillis: ({ failoverTimeMillis }) => failoverTimeMillis + 3_000 + undisturbedMillis,
  },
];
