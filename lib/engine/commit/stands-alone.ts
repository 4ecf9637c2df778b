import type { Manifest } from './manifest.ts';

/**
 * Whether a group needs nothing any more that its parents left; pure. `known` are its versions up to the last one, the oldest
 * first. A rewind can take a group back to any of as many as the last one says are kept, and, while its first is among
 * them, to before that: it is then to begin anew, with what its parents left. So the first must be out of reach, and none
 * within reach may be one that begins anew.
 *
 * All within reach must be known: where one could not be read just now, whoever goes back may read it, and with it the first.
 */
export function standsAlone(known: readonly Manifest[]): boolean {
  const retained = known.at(-1)?.retained ?? Infinity;
  if (known.length < retained) return false;
  const reached = known.slice(-retained);
  return reached[0]?.follows !== undefined && reached.every(({ beginsAnew }) => beginsAnew !== true);
}
