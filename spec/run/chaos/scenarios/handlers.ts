import { join } from 'node:path';
import { type Scenario, cleanPauseMillis, undisturbedMillis } from '../scenario.ts';
import type { Stage, WorkerExtras } from '../stage.ts';
import type { ChaosWorker } from '../worker-process.ts';

const poison = 'poison';

/** Workers whose handler fails for poison, and puts that into a dead letter. */
function withDeadLetter(deadLetterPath: string): WorkerExtras {
  return {
    poison,
    onFailure: { maximumRetryAttempts: 2, bisectBatchOnFunctionError: true, deadLetterPath },
  };
}

/** Handlers and outputs that fail, or do not come back. */
export const handlerScenarios: readonly Scenario[] = [
  {
    name: 'blocked-loop',
    summary:
      "a worker's main thread computes for twice failoverTimeMillis; its leases are kept by the thread of the heartbeats",
    shards: 6,
    async play(stage) {
      await stage.begin('a', 'b', 'c');
      const { follower } = stage;
      const before = stage.workers.map((worker) => stage.holdingsOf(worker).gained);
      const forMillis = 2 * stage.options.failoverTimeMillis;
      stage.block(follower, forMillis);
      await stage.wait(forMillis);
      await stage.until(`${follower.name} handles records again`, () => {
        const last = follower.lines.findLast((line) => line.type === 'told');
        const since = last?.atMillis ?? Number.POSITIVE_INFINITY;
        return follower.lines.some((line) => line.type === 'records' && line.sinceMillis > since + forMillis);
      });
      const after = stage.workers.map((worker) => stage.holdingsOf(worker).gained);
      stage.expect(before.join() === after.join(), `leases moved: ${before.join()} were gained, then ${after.join()}`);
    },
    pauseBoundMillis: ({ failoverTimeMillis }) => 2 * failoverTimeMillis + 1_000 + undisturbedMillis,
  },
  {
    name: 'stalled-handler',
    summary:
      'a handler does not return; after stalledAfterMillis (failoverTimeMillis here) another worker gets the shard',
    shards: 6,
    options: ({ failoverTimeMillis }) => ({ stalledAfterMillis: failoverTimeMillis }),
    async play(stage) {
      await stage.begin('a', 'b', 'c');
      const { follower } = stage;
      const before = [...stage.holdingsOf(follower).shards];
      follower.send({ type: 'stall' });
      await stage.until('the worker has given up a shard', () => stalledShard(follower) !== undefined);
      const shardId = stalledShard(follower) ?? '';
      stage.expect(before.includes(shardId), `${shardId} was given up by ${follower.name}, which did not hold it`);
      await stage.until('another worker handles the shard', () =>
        stage.running.some((worker) => worker !== follower && stage.holdingsOf(worker).isHandling(shardId)),
      );
      const kept = before.filter((one) => one !== shardId);
      stage.expect(
        kept.every((one) => stage.holdingsOf(follower).shards.includes(one)),
        `${follower.name} has lost shards that did not stall`,
      );
      await stage.settled();
    },
    // The stall has to last, and then the worker looks twice at the table, F / 2 apart, for somebody who lives.
    pauseBoundMillis: ({ failoverTimeMillis }) => 1.5 * failoverTimeMillis + cleanPauseMillis,
  },
  {
    name: 'poison-record',
    summary: 'a handler fails for three records; they go to a dead-letter file, all others are handled',
    shards: 4,
    async play(stage) {
      const extras = withDeadLetter(join(stage.options.folder, 'dead.jsonl'));
      stage.start('a', extras);
      stage.start('b', extras);
      await stage.begin();
      const shards = stage.control.openShards.slice(0, 3);
      for (const { shardId } of shards) {
        stage.load.markNext(shardId, poison);
        await stage.wait(500);
      }
      await stage.until('three records are in the dead-letter file', () => stage.deadLetters().length >= 3);
      stage.expect(stage.deadLetters().length === 3, `the dead-letter file has ${stage.deadLetters().length} records`);
      await stage.settled();
    },
    // Halving a block of some ten records takes a few attempts of the handler, with waits of up to 0.8 s between them.
    pauseBoundMillis: () => 5_000 + cleanPauseMillis,
  },
  {
    name: 'disk-full',
    summary: "an output's disk is full for 3 s, then the dead letter's disk of one worker is full for good (/dev/full)",
    shards: 4,
    async play(stage) {
      const folder = stage.options.folder;
      const broken = stage.start('a', withDeadLetter('/dev/full'));
      const sound = stage.start('b', withDeadLetter(join(folder, 'dead.jsonl')));
      await stage.begin();

      await outputFails(stage, 'b');
      stage.expect(sound.end === undefined, 'b has ended although its disk was full for a while only');

      await poisonAndEnd(stage, broken);
      stage.expect(broken.end?.code === 1, 'a went on although it could not keep what it had failed for');
      await stage.until('the poison is in the dead-letter file of b', () => stage.deadLetters().length > 0);
      await stage.settled();
    },
    pauseBoundMillis: () => 3_000 + 5_000 + cleanPauseMillis + undisturbedMillis,
  },
];

/** The shard that a worker has given up since its handler did not come back. */
function stalledShard(worker: ChaosWorker): string | undefined {
  for (const line of worker.lines) {
    if (line.type === 'event' && line.event.type === 'shard.stalled') return line.event.shardId;
  }
  return undefined;
}

/** The output of a worker is on a full disk for three seconds. */
async function outputFails(stage: Stage, name: string): Promise<void> {
  const worker = stage.running.find((one) => one.name === name);
  worker?.send({ type: 'output', path: '/dev/full' });
  await stage.wait(3_000);
  worker?.send({ type: 'output', path: join(stage.options.folder, 'output.jsonl') });
  await stage.settled();
}

/** A worker meets a record that it fails for, cannot keep it, and ends. */
async function poisonAndEnd(stage: Stage, worker: ChaosWorker): Promise<void> {
  const [shardId = ''] = stage.holdingsOf(worker).shards;
  stage.giveUpOn(worker);
  stage.load.markNext(shardId, poison);
  await stage.until(`${worker.name} has ended`, () => worker.end !== undefined);
  excuseFailedBlock(stage, worker);
}

/** Attempts, with the waits between them, of all halves of a block that come before its poison. */
const blockAttemptsMillis = 4_000;

/** What was handled of the block in which the dead letter failed comes again with all of that block. */
function excuseFailedBlock(stage: Stage, worker: ChaosWorker): void {
  const ended = worker.lines.findLast((line) => line.type === 'ended');
  const [shardId] = /shardId-\d+/.exec(ended?.fault ?? '') ?? [];
  if (ended === undefined || shardId === undefined) {
    stage.faults.push(`${worker.name} did not say which shard its dead letter failed for`);
    return;
  }
  const { atMillis } = ended;
  stage.excuses.push({
    worker: worker.name,
    shardId,
    fromMillis: atMillis - blockAttemptsMillis,
    throughMillis: atMillis,
  });
}
