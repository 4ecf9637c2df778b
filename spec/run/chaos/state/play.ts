import { messageOf } from '../../../../lib/base/error.ts';
import { crashPoints } from './points.ts';
import { type StateScene, sceneOf, stateScenes } from './scenes.ts';
import { StateStage, type StateServices } from './stage.ts';

/** What one point of the crash matrix, or one scene, came to. */
export interface PointVerdict {
  readonly name: string;
  readonly scope: 'shard' | 'application';
  /** Records that are not counted, in committed state or in a sink; null when it could not be told. */
  readonly missing: number | null;
  /** Records that are counted more than once. */
  readonly repeated: number | null;
  readonly seconds: number;
  /** What went wrong on the way; absent when nothing did. */
  readonly fault?: string;
}

/** The names under which state is put to the test. */
export const stateScenarioNames: readonly string[] = ['crash-matrix', ...stateScenes.map(({ name }) => name)];

/** What `--help` says of them. */
export const stateScenarioSummaries: readonly (readonly [name: string, summary: string])[] = [
  ['crash-matrix', 'a process with committed state is killed at every point of a batch, in both scopes'],
  ['zombie', 'one is paused for longer than its lease or epoch lasts, and goes on beside its successor'],
  ['standby', 'processes wait behind the one that computes, which is killed or told to end'],
  ['state-reshard', 'a split and a merge, with a process killed in each generation'],
  ['rewind', 'state goes back while a process writes to a sink, is killed, and after a split'],
];

/** How the scenes are played. */
export interface PlayStateOptions {
  readonly services: StateServices;
  readonly folder: string;
  readonly failoverTimeMillis: number;
  /** Scenes at the same time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly onVerdict: (verdict: PointVerdict) => void;
  /** Only every n-th point of the matrix: 1. */
  readonly everyNth?: number;
}

/** Plays what the names stand for, each scene in every scope that it has. */
export async function playState(names: readonly string[], options: PlayStateOptions): Promise<readonly PointVerdict[]> {
  const { everyNth = 1, jobs, onVerdict } = options;
  const chosen = crashPoints.filter((_, index) => index % everyNth === 0);
  const scenes = names.flatMap((name) =>
    name === 'crash-matrix' ? chosen.map(sceneOf) : stateScenes.filter((scene) => scene.name === name),
  );
  const waiting = scenes.flatMap((scene) => scene.scopes.map((scope) => ({ scene, scope })));
  const verdicts = new Map<(typeof waiting)[number], PointVerdict>();
  const order = [...waiting];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const verdict = await playScene(next.scene, next.scope, options);
      verdicts.set(next, verdict);
      onVerdict(verdict);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return order.flatMap((one) => verdicts.get(one) ?? []);
}

async function playScene(
  scene: StateScene,
  scope: 'shard' | 'application',
  { services, folder, failoverTimeMillis, signal }: PlayStateOptions,
): Promise<PointVerdict> {
  const sinceMillis = performance.now();
  const seconds = () => Math.round((performance.now() - sinceMillis) / 100) / 10;
  const { name } = scene;
  await using stage = await StateStage.set(services, { scope, failoverTimeMillis, folder, signal });
  try {
    await scene.play(stage);
    return { name, scope, ...(await stage.verdict()), seconds: seconds() };
  } catch (thrown) {
    signal.throwIfAborted();
    const found = await stage.verdict().catch(() => ({ missing: null, repeated: null }));
    return { name, scope, ...found, seconds: seconds(), fault: messageOf(thrown) };
  }
}

/** Whether all is as in an undisturbed run. */
export function isSound({ missing, repeated, fault }: PointVerdict): boolean {
  return missing === 0 && repeated === 0 && fault === undefined;
}

/** One line for people. */
export function pointText({ name, scope, missing, repeated, seconds, fault }: PointVerdict): string {
  const counts = `missing ${missing ?? '?'}, repeated ${repeated ?? '?'}`;
  const line = `${scope.padEnd(12)}${name.padEnd(46)}${counts.padEnd(28)}${seconds} s`;
  return fault === undefined ? line : `${line}\n  ${fault}`;
}
