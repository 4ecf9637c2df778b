import type { CrashPoint } from './points.ts';
import { rewindByCommand, rewindToFirst, untilVersions } from './rewind.ts';
import type { StateStage } from './stage.ts';
import type { StateWorker } from './state-worker.ts';

/** A scene of an application with state; everything that was put is counted at its end. */
export interface StateScene {
  readonly name: string;
  /** Where it can be played. */
  readonly scopes: readonly ('shard' | 'application')[];
  play(stage: StateStage): Promise<void>;
}

const both = ['shard', 'application'] as const;
const recordsPerKey = 25;

/** A process is killed at the point, and another one goes on. */
export function sceneOf({ name, killAt, needs }: CrashPoint): StateScene {
  return {
    name,
    scopes: both,
    play: async (stage) => {
      stage.put(recordsPerKey);
      if (needs === 'ended parent') {
        stage.stream.split(stage.stream.shards[0]?.shardId ?? '');
        stage.put(recordsPerKey);
      }
      if (needs === 'handover') {
        await handOver(stage, killAt);
        return;
      }
      await stage.killed(killAt);
      await stage.finish();
    },
  };
}

/** It waits behind another, or takes part: whether it is given a shard of two at once is for the leader to say. */
function isThere(worker: StateWorker): boolean {
  return worker.has('engine.standby') || worker.has('worker.started');
}

/** The one that is told to end is killed while it gives back what it holds, and the other goes on. */
async function handOver(stage: StateStage, killAt: CrashPoint['killAt']): Promise<void> {
  const first = stage.start({ isBounded: false, killAt });
  await stage.until('the first process commits', () => first.stepsOf('committed') >= 3);
  const second = stage.start({ isBounded: false, workerIdentifier: 'two' });
  await stage.until('the second process is there', () => isThere(second));
  stage.put(recordsPerKey);
  first.signal('SIGTERM');
  await stage.expectEnd(first, 'SIGKILL');
  stage.put(recordsPerKey);
  await stage.untilCounted();
  second.signal('SIGTERM');
  await stage.expectEnd(second, 0);
}

/** Scenes with two processes, and with a stream that changes. */
export const stateScenes: readonly StateScene[] = [
  {
    // Paused for longer than its lease or epoch lasts; another takes over; it goes on, and must do no harm.
    name: 'zombie',
    scopes: both,
    play: async (stage) => {
      stage.put(recordsPerKey);
      const first = stage.start({ isBounded: false });
      await stage.until('the first process commits', () => first.stepsOf('committed') >= 3);
      const second = stage.start({ isBounded: false, workerIdentifier: 'two' });
      await stage.until('the second process is there', () => isThere(second));
      stage.put(recordsPerKey);
      first.signal('SIGSTOP');
      await stage.until('the second process commits', () => second.stepsOf('committed') >= 3);
      stage.put(recordsPerKey);
      await stage.untilCounted();
      first.signal('SIGCONT');
      stage.put(recordsPerKey);
      await stage.untilCounted();
      first.signal('SIGTERM');
      await first.ended;
      stage.put(recordsPerKey);
      await stage.untilCounted();
      second.signal('SIGTERM');
      await stage.expectEnd(second, 0);
    },
  },
  {
    // One waits behind another, twice: the first is killed, the second is told to end.
    name: 'standby',
    scopes: ['application'],
    play: async (stage) => {
      stage.put(recordsPerKey);
      const first = stage.start({ isBounded: false });
      await stage.until('the first process computes', () => first.stepsOf('committed') >= 2);
      const second = stage.start({ isBounded: false, workerIdentifier: 'two' });
      await stage.until('the second process waits', () => second.has('engine.standby'));
      first.signal('SIGKILL');
      await stage.until('the second process computes', () => second.has('engine.active'));
      stage.put(recordsPerKey);
      const third = stage.start({ isBounded: false, workerIdentifier: 'three' });
      await stage.until('the third process waits', () => third.has('engine.standby'));
      second.signal('SIGTERM');
      await stage.expectEnd(second, 0);
      stage.put(recordsPerKey);
      await stage.untilCounted();
      third.signal('SIGTERM');
      await stage.expectEnd(third, 0);
    },
  },
  {
    // A split and a merge, with a process killed in each generation.
    name: 'state-reshard',
    scopes: both,
    play: async (stage) => {
      const { stream } = stage;
      stage.put(recordsPerKey);
      await stage.killed({ point: 'step stateWritten', pass: 3 });
      const [first, second] = stream.shards.map(({ shardId }) => shardId);
      stream.split(first ?? '');
      stage.put(recordsPerKey);
      await stage.killed({ point: 'shard ended', pass: 1 });
      await stage.finish();
      const children = stream.shards.filter(({ parentShardIds }) => parentShardIds.includes(first ?? ''));
      stream.merge(children[1]?.shardId ?? '', second ?? '');
      stage.put(recordsPerKey);
      await stage.killed({ point: 'step committed', pass: 2 });
      await stage.finish();
    },
  },
  {
    // State goes back three times: under a process that is paused in the midst of a sink and wakes up later; with no process,
    // after which one is killed; and to before a split. Every record is to be counted as if it had been read once.
    name: 'rewind',
    scopes: both,
    play: async (stage) => {
      const kept = { retainedVersions: 1_000 };
      stage.put(2 * recordsPerKey);
      const killAt = { point: 'half sink', pass: 7, signal: 'SIGSTOP' } as const;
      const first = stage.start({ ...kept, isBounded: false, killAt });
      await stage.until('the first process stands still', () => first.has('stopped'));
      await untilVersions(stage, 3);
      await rewindToFirst(stage);
      const second = stage.start({ ...kept, isBounded: false, workerIdentifier: 'two' });
      stage.put(recordsPerKey);
      await stage.untilCounted();
      first.signal('SIGCONT');
      stage.put(recordsPerKey);
      await stage.until('the first process learns of it', () => first.has('batch.dropped') || first.hasEnded);
      first.signal('SIGTERM');
      await first.ended;
      await stage.untilCounted();
      await rewindByCommand(stage);
      second.signal('SIGKILL');
      await second.ended;
      await stage.killed({ point: 'half manifest', pass: 2 }, kept);
      await stage.finish(kept);
      const [{ shardId } = { shardId: '' }] = stage.stream.shards;
      stage.stream.split(shardId);
      stage.put(recordsPerKey);
      await stage.finish(kept);
      await rewindByCommand(stage);
      await stage.killed({ point: 'step outputsDone', pass: 3 }, kept);
      await stage.finish(kept);
    },
  },
];
