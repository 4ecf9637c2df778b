import type { FleetWorker } from '../../../../lib/testkit/fleet-worker.ts';
import { Stage, failoverTimeMillis, readerOf } from './stage.ts';

/** What one seed of a scene gives: values by the names of its figures. */
export type Measured = Readonly<Record<string, number>>;

/** One kind of incident, played once for a seed. */
export type Scene = (seed: number) => Promise<Measured>;

async function on<T>(stage: Stage, play: () => Promise<T>): Promise<T> {
  await stage.settle();
  stage.reset();
  try {
    return await play();
  } finally {
    await stage.leave();
  }
}

/** Three workers share 12 shards; one that does not lead is killed. */
export const workerCrash: Scene = async (seed) => {
  const stage = new Stage({ seed, shards: 12, workers: 3 });
  return on(stage, async () => {
    const leader = await stage.leader();
    victimBeside(stage, leader).kill();
    return { takeoverMillis: await stage.untilHeld() };
  });
};

/** Three workers share 12 shards; the leader is killed. */
export const leaderCrash: Scene = async (seed) => {
  const stage = new Stage({ seed, shards: 12, workers: 3 });
  return on(stage, async () => {
    (await stage.leader()).kill();
    return { takeoverMillis: await stage.untilHeld() };
  });
};

/** Three workers share 12 shards; one of them gets SIGTERM, the leader in every third seed or so. */
export const cleanStop: Scene = async (seed) => {
  const stage = new Stage({ seed, shards: 12, workers: 3 });
  return on(stage, async () => {
    const running = stage.workers.filter((worker) => worker.isRunning);
    const victim = running[Math.floor(stage.random.next() * running.length)] as FleetWorker;
    const begunAt = stage.nowMillis;
    void victim.drain();
    await stage.fleet.runUntil(() => !victim.isAlive && stage.isHeld, 600_000);
    const takeoverMillis = stage.nowMillis - begunAt;
    return { takeoverMillis, pauseMillis: stage.longestPauseMillis, repeated: stage.repeated };
  });
};

/**
 * One worker reads 100 shards; a second one starts. Balanced: from then on, for the rest of a minute, neither has more
 * than a tenth above or below its share.
 */
export const join: Scene = async (seed) => {
  const stage = new Stage({ seed, shards: 100, workers: 1 });
  return on(stage, async () => {
    const begunAt = stage.nowMillis;
    stage.fleet.start('second');
    let [balancedAt, moves] = [begunAt, 0];
    while (stage.nowMillis < begunAt + 60_000) {
      await stage.fleet.advance(100);
      const share = stage.open.filter((row) => readerOf(row) === 'second').length;
      if (share < 45 || share > 55) [balancedAt, moves] = [stage.nowMillis, stage.moves];
    }
    const balancedMillis = balancedAt - begunAt;
    return { balancedMillis, moves, pauseMillis: stage.longestPauseMillis, repeated: stage.repeated };
  });
};

/** Ten workers share 40 shards; each in turn gets SIGTERM and starts again under its name. */
export const rollingRestart: Scene = async (seed) => {
  const stage = new Stage({ seed, shards: 40, workers: 10 });
  return on(stage, async () => {
    const begunAt = stage.nowMillis;
    for (const worker of stage.workers) {
      void worker.drain();
      await stage.fleet.runUntil(() => !worker.isAlive, 600_000);
      stage.fleet.start(worker.name);
      await stage.fleet.runUntil(() => stage.isHeld, 600_000);
      await stage.fleet.advance(failoverTimeMillis);
    }
    await stage.fleet.runUntil(() => stage.isHeld, 600_000);
    return {
      millis: stage.nowMillis - begunAt,
      movesPerLease: stage.moves / 40,
      pauseMillis: stage.longestPauseMillis,
      repeated: stage.repeated,
    };
  });
};

/** Three workers share 20 shards; ten of them are split at once. */
export const split: Scene = async (seed) => {
  const stage = new Stage({ seed, shards: 20, workers: 3 });
  return on(stage, async () => {
    const begunAt = stage.nowMillis;
    const children = stage.fleet.kinesis.openShards.slice(0, 10).flatMap(({ shardId }) => stage.fleet.split(shardId));
    const isRead = (child: string) => stage.open.some((row) => row.leaseKey === child);
    await stage.fleet.runUntil(() => children.every(isRead) && stage.isHeld, 600_000);
    return { readMillis: stage.nowMillis - begunAt, repeated: stage.repeated };
  });
};

/** A new application, its table created: from the start of its first worker to its first record. */
export const start: Scene = async (seed) => {
  const stage = new Stage({ seed, shards: 12, workers: 0 });
  await stage.fleet.advance(Math.floor(stage.random.next() * failoverTimeMillis));
  const begunAt = stage.nowMillis;
  stage.fleet.start('first');
  await stage.fleet.runUntil(() => stage.hasDelivered, 600_000);
  const firstRecordMillis = stage.nowMillis - begunAt;
  await stage.leave();
  return { firstRecordMillis };
};

function victimBeside(stage: Stage, leader: FleetWorker): FleetWorker {
  const others = stage.workers.filter((worker) => worker.isRunning && worker !== leader);
  return others[Math.floor(stage.random.next() * others.length)] as FleetWorker;
}
