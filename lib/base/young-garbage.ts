import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Has V8 collect its young objects now, and nothing else. */
export type CollectYoung = () => void;

/**
 * How V8 is asked for a collection of young objects. It gives out the function for that only where a flag says so, which is
 * set for no longer than it takes to get it: nothing else in the process sees it. `undefined` where there is none, as in
 * runtimes other than Node.
 */
export function youngCollector(): CollectYoung | undefined {
  try {
    setFlagsFromString('--expose-gc');
    const gc: unknown = runInNewContext('gc');
    setFlagsFromString('--no-expose-gc');
    if (typeof gc !== 'function') return undefined;
    const collect = gc as (options: { readonly type: 'minor' }) => void;
    return () => collect({ type: 'minor' });
  } catch {
    return undefined;
  }
}
