import type { StateVersion } from './manifest.ts';
import type { Codecs } from './state-pieces.ts';

/**
 * Whether changes can follow a stored version: it holds the same operators in the same shapes. Otherwise all state is
 * written, since changes in a new shape would stand on a snapshot in the earlier one.
 */
export function hasSameShape(
  last: StateVersion | undefined,
  codecs: Codecs,
  versions: StateVersion['versions'],
): last is StateVersion {
  if (last === undefined || last.operators.length !== codecs.size) return false;
  return last.operators.every(
    (name) => codecs.has(name) && versionOf(last.versions, name) === versionOf(versions, name),
  );
}

function versionOf(versions: StateVersion['versions'], operator: string): number | undefined {
  return versions !== undefined && Object.hasOwn(versions, operator) ? versions[operator] : 0;
}
