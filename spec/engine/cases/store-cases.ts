import type { PairKey } from '../../../lib/engine/key.ts';
import { restoreKeys, snapshotOfKeys } from '../../../lib/engine/state/keyed-persistence.ts';
import { KeyedEdit, type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import type { CaseRow, CaseTable } from './case-file.ts';

type Entry = readonly [PairKey, unknown, number];

/** One step of a row about a map of states. */
interface MapStep {
  readonly on?: string;
  readonly op: string;
  readonly args?: readonly number[];
  readonly result?: unknown;
}

function entriesOf(state: KeyedState): Entry[] {
  const entries = Array.from(state.entries, ([key, entry]) => [key, entry.value, entry.touchedMillis] as const);
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Puts or removes a key at a time, as one batch would. */
function changed(state: KeyedState, op: string, [key = 0, value, time = 0]: readonly number[]): KeyedState {
  const edit = new KeyedEdit(state, time);
  if (op === 'put') edit.set(key, value, edit.get(key), true);
  else edit.remove(key);
  return edit.next();
}

/** Runs the steps on versions by name; a copy is the same version under another name. */
function runSteps(row: CaseRow) {
  const versions = new Map<string, KeyedState>();
  const expected = (row.expected as MapStep[]).map((step) => {
    const { on = 'P', op, args = [] } = step;
    const state = versions.get(on) ?? initialKeyedState();
    versions.set(on, state);
    switch (op) {
      case 'get':
        return { ...step, result: state.entries.get(args[0] as number)?.value };
      case 'getAll':
        return { ...step, result: entriesOf(state) };
      case 'getByTime':
        return { ...step, result: entriesOf(state).filter(([, , time]) => time < (args[0] as number)) };
      case 'copy':
        versions.set(step.result as string, state);
        return step;
      default:
        versions.set(on, changed(state, op, args));
        return step;
    }
  });
  return { expected };
}

/** What S080 asks for: every sequence of puts and removals, with a copy after each set, against a `Map`. */
function everySequence(row: CaseRow) {
  const { sets, opsPerSet, keys } = row.params as { sets: number; opsPerSet: number; keys: number };
  let state: KeyedState = initialKeyedState();
  const model = new Map<PairKey, Entry>();
  let isRight = true;
  const operations = sets * opsPerSet;
  for (let op = 0; op < operations; op += 1) {
    const before = op % opsPerSet === 0 ? { state, entries: entriesOf(state) } : undefined;
    for (let key = 0; key < keys; key += 1) {
      const isRemoval = Math.floor(key / 2 ** (operations - op - 1)) % 2 === 1;
      state = changed(state, isRemoval ? 'remove' : 'put', [key, op, op + 1]);
      if (isRemoval) model.delete(key);
      else model.set(key, [key, op, op + 1]);
    }
    const expected = [...model.values()].toSorted(([a], [b]) => (a < b ? -1 : 1));
    isRight &&= JSON.stringify(entriesOf(state)) === JSON.stringify(expected);
    if (before !== undefined) isRight &&= JSON.stringify(entriesOf(before.state)) === JSON.stringify(before.entries);
  }
  const { invariant } = row.expected as { invariant: string };
  const held =
    'after every op round the map equals a reference map in getAll, get, getByTime(0..time+1); the map before the copy stays as it was';
  return { expected: { invariant: isRight && model.size > 0 ? held : `broken: ${invariant}` } };
}

/** Rows about versions of state, and how they are stored. */
export const storeCases: CaseTable = {
  S074: {
    run: () => ({
      expected: { statesAfterReload: entriesOf(restoreKeys(snapshotOfKeys(initialKeyedState()))) },
    }),
  },
  S076: { run: runSteps, given: ['op', 'args', 'on'] },
  S077: { run: runSteps, given: ['op', 'args', 'on'] },
  S080: { run: everySequence },
};
