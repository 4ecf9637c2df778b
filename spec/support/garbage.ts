import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { nextTurn } from '../../lib/base/turn.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** How many of the things are still kept in memory by somebody, after everything that nobody keeps was collected. */
export async function kept(things: readonly WeakRef<object>[]): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    // What was looked at in this turn is kept until its end.
    await nextTurn();
    collect();
  }
  return things.filter((thing) => thing.deref() !== undefined).length;
}
