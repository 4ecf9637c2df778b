import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Has V8 collect its young objects now, and nothing else. */
export type CollectYoung = () => void;

/**
 * How V8 is asked for a collection of young objects. It gives out the function for that only where a flag says so. Where the
 * process has the flag it stays; otherwise it is set for no longer than it takes to get the function. `undefined` where there
 * is none, as in runtimes other than Node.
 */
export function youngCollector(): CollectYoung | undefined {
  try {
    const gc = globalThis.gc ?? gcOfFlag();
    if (typeof gc !== 'function') return undefined;
    const collect = gc as (options: { readonly type: 'minor' }) => void;
    return () => collect({ type: 'minor' });
  } catch {
    return undefined;
  }
}

function gcOfFlag(): unknown {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc');
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
