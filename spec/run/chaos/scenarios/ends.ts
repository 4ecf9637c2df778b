import { machineMillis } from '../ledger-line.ts';
import { type Scenario, cleanPauseMillis, undisturbedMillis } from '../scenario.ts';

/** Workers that end or stand still. */
export const endScenarios: readonly Scenario[] = [
  {
    name: 'quiet',
    summary: 'nothing happens: what the harness itself adds',
    shards: 4,
    async play(stage) {
      await stage.begin('a', 'b');
      await stage.wait(3_000);
    },
    pauseBoundMillis: () => undisturbedMillis,
  },
  {
    name: 'sigterm',
    summary: 'one of three workers is told to finish, as at a deploy',
    shards: 6,
    async play(stage) {
      await stage.begin('a', 'b', 'c');
      await stage.terminate(stage.follower);
      await stage.settled();
    },
    pauseBoundMillis: () => cleanPauseMillis,
  },
  {
    name: 'kill',
    summary: 'kill -9 of a worker that does not lead',
    shards: 6,
    async play(stage) {
      await stage.begin('a', 'b', 'c');
      await stage.kill(stage.follower);
      await stage.settled();
    },
    pauseBoundMillis: ({ failoverTimeMillis }) => failoverTimeMillis + 3_000 + undisturbedMillis,
  },
  {
    name: 'kill-leader',
    summary: 'kill -9 of the worker that leads',
    shards: 6,
    async play(stage) {
      await stage.begin('a', 'b', 'c');
      await stage.kill(stage.leader);
      await stage.settled();
      await stage.until('another worker leads', () =>
        stage.running.some((worker) => stage.holdingsOf(worker).isLeader),
      );
    },
    pauseBoundMillis: ({ failoverTimeMillis }) => 2 * failoverTimeMillis + 2_000 + undisturbedMillis,
  },
  {
    name: 'pause',
    summary: 'a worker stands still (SIGSTOP) for twice failoverTimeMillis and then goes on',
    shards: 6,
    async play(stage) {
      await stage.begin('a', 'b', 'c');
      const paused = stage.follower;
      const frozenMillis = machineMillis();
      stage.freeze(paused);
      await stage.settled();
      await stage.wait(frozenMillis + 2 * stage.options.failoverTimeMillis - machineMillis());
      const before = stage.holdingsOf(paused).gained;
      stage.resume(paused);
      await stage.settled();
      // What it believed to hold it must have given up by itself, and been given anew.
      stage.expect(stage.holdingsOf(paused).gained > before, `${paused.name} was given no shards again`);
    },
    pauseBoundMillis: ({ failoverTimeMillis }) => failoverTimeMillis + 3_000 + undisturbedMillis,
  },
  {
    name: 'join',
    summary: 'a third worker joins two, one of which reads by a loop over blocks',
    shards: 6,
    async play(stage) {
      stage.start('a', { way: 'blocks' });
      await stage.begin('b');
      stage.start('c');
      await stage.settled();
    },
    pauseBoundMillis: () => cleanPauseMillis,
  },
  {
    name: 'rolling-restart',
    summary: 'three workers with stable identifiers are restarted one after the other',
    shards: 6,
    async play(stage) {
      const names = ['a', 'b', 'c'];
      await stage.begin(...names);
      for (const name of names) {
        const old = stage.running.find((worker) => worker.name === name);
        if (old === undefined) throw new Error(`worker ${name} does not run`);
        const before = gainedBy(stage);
        await stage.terminate(old);
        stage.start(name);
        await stage.settled();
        const moves = gainedBy(stage) - before;
        const most = 2 * stage.control.openShards.length;
        stage.expect(moves <= most, `the restart of ${name} moved leases ${moves} times, more than ${most}`);
      }
    },
    pauseBoundMillis: () => cleanPauseMillis,
  },
];

function gainedBy(stage: Parameters<Scenario['play']>[0]): number {
  stage.look();
  return stage.workers.reduce((sum, worker) => sum + stage.holdingsOf(worker).gained, 0);
}
