import type { PairDStream } from '../../../lib/engine/stream.ts';
import { initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import { mapWithStateStep } from '../../../lib/engine/state/map-with-state.ts';
import { StateSpec } from '../../../lib/engine/state/state-spec.ts';
import { State } from '../../../lib/engine/state/state.ts';
import { runStream } from '../../../lib/testkit/stream-harness.ts';
import type { CaseEntry, CaseRow, CaseTable } from './case-file.ts';
import { batches, ones, param, runBuild } from './run-streams.ts';

const sum = (values: readonly number[], state = 0) => values.reduce((a, b) => a + b, state);

const initialOf = (row: CaseRow) => row.params['initialState'] as [string, number][];

/** The counters of S034: removed after two batches without data. */
interface Lived {
  readonly counter: number;
  readonly expireCounter: number;
}

function live(values: readonly number[], state: Lived = { counter: 0, expireCounter: 0 }): Lived | undefined {
  const added = sum(values);
  if (added > 0) return { counter: state.counter + added, expireCounter: 0 };
  if (state.expireCounter + 1 === 2) return undefined;
  return { ...state, expireCounter: state.expireCounter + 1 };
}

/** Adds to the state, and emits what `emit` makes of key and sum. */
function adding<M>(emit: (key: string, total: number) => M | undefined): StateSpec<string, number, number, M> {
  return StateSpec.function((key, value, state: State<number>) => {
    const total = (value ?? 0) + (state.getOption() ?? 0);
    state.update(total);
    return emit(key, total);
  });
}

type Spec = (row: CaseRow) => StateSpec<string, number, number, unknown>;

/** A row of `mapWithState`: what its function returned, and the snapshots beside it. */
function mapped(spec: Spec): CaseEntry {
  const streams = (row: CaseRow) => (pairs: PairDStream<string, number>) => pairs.mapWithState('row', spec(row));
  return {
    run: async (row) => ({
      expected: await runBuild(row, (s) => streams(row)(ones(s))),
      expectedStateSnapshots: await runBuild(row, (s) => streams(row)(ones(s)).stateSnapshots()),
    }),
  };
}

/** Rows about state by key: `updateStateByKey`, `mapWithState`, the object that its function sees. */
export const stateCases: CaseTable = {
  S030: batches((s) => ones(s).updateStateByKey<number>('row', sum)),
  S031: batches((s, row) => ones(s).updateStateByKey<number>('row', sum, { initialState: initialOf(row) })),
  S032: batches((s, row) =>
    ones(s).updateStateByKey<number>(
      'row',
      (values, state = 0, _key, { batchTimeMillis }) => (values.length > 0 ? batchTimeMillis + state : state),
      { initialState: initialOf(row) },
    ),
  ),
  S033: batches((s, row) =>
    ones(s).updateStateByKey<number>(
      'row',
      { all: (updates) => Array.from(updates, ([key, values, state]) => [key, sum(values, state)] as const) },
      { initialState: initialOf(row) },
    ),
  ),
  S034: batches((s) =>
    ones(s)
      .updateStateByKey<Lived>('row', live)
      .mapValues(({ counter }) => counter),
  ),
  S061: { run: stateObject, given: ['do'] },
  S062: mapped(() => adding((_key, total) => total)),
  S063: mapped(() => adding((key) => key + key)),
  S064: mapped(() => adding((key, total) => [key, total])),
  S065: mapped((row) => adding(() => undefined).initialState(initialOf(row))),
  S066: mapped(() =>
    StateSpec.function((key, value, state: State<number>) => {
      if (state.exists()) {
        state.remove();
        return key;
      }
      state.update(value ?? 0);
      return undefined;
    }),
  ),
  S067: { run: timingOut },
  S072: {
    run: commands,
    given: ['initStates', 'initTime', 'batchTime', 'data', 'timeoutThreshold', 'removeTimedout'],
  },
  S073: { run: chain, given: ['step', 'from', 'data'] },
};

/** The calls that S061 lists, on the state object of a call of `mapWithState`. */
function stateObject(row: CaseRow) {
  const makers: Readonly<Record<string, (before: State<number>) => State<number>>> = {
    'new State': () => new State<number>(undefined),
    'wrap(None)': () => new State<number>(undefined),
    'wrap(Some(1))': () => new State({ value: 1 }),
    'update(2)': (state) => {
      state.update(2);
      return state;
    },
    'new State; update(2)': () => {
      const state = new State<number>(undefined);
      state.update(2);
      return state;
    },
    'then remove()': (state) => {
      state.remove();
      return state;
    },
    'wrapTimingOutState(3)': () => new State({ value: 3 }, true),
  };
  let state = new State<number>(undefined);
  const tried = (action: () => unknown, name: string) => {
    try {
      return action();
    } catch {
      return name;
    }
  };
  const refused = 'IllegalArgumentException';
  const expected = (row.expected as { readonly do: string }[]).map((step) => {
    state = makers[step.do]!(state);
    const now = state;
    return {
      do: step.do,
      exists: now.exists(),
      get: tried(() => now.get(), 'NoSuchElementException'),
      getOption: now.getOption(),
      isUpdated: now.isUpdated(),
      isRemoved: now.isRemoved(),
      isTimingOut: now.isTimingOut(),
      ...('remove again' in step && { 'remove again': tried(() => now.remove(), refused) }),
      ...('update after remove' in step && { 'update after remove': tried(() => now.update(9), refused) }),
      ...('remove' in step && { remove: tried(() => now.remove(), refused) }),
      ...('update' in step && { update: tried(() => now.update(9), refused) }),
    };
  });
  return { expected };
}

async function timingOut(row: CaseRow) {
  const spec = StateSpec.function((key: string, value: number | undefined, state: State<number>) => {
    if (value !== undefined) state.update(1);
    return state.isTimingOut() ? key : undefined;
  }).timeout(param(row, 'timeoutMs'));
  const run = param(row, 'batchesRun');
  const out = await runBuild(row, (s) => ones(s).mapWithState('row', spec), run);
  const snapshots = await runBuild(row, (s) => ones(s).mapWithState('row', spec).stateSnapshots(), run);
  const sorted = (batch: unknown) => (batch as [string, number][]).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const { someSnapshotEquals } = row.expected as { someSnapshotEquals: unknown };
  const some = snapshots.map(sorted).find((one) => JSON.stringify(one) === JSON.stringify(someSnapshotEquals));
  return {
    expected: {
      allOutputsFlattenedSorted: (out.flat() as string[]).toSorted((a, b) => (a < b ? -1 : 1)),
      someSnapshotEquals: some,
      lastSnapshot: sorted(snapshots.at(-1)),
    },
  };
}

/** One line of the table of S072. */
interface CommandLine {
  readonly initStates: readonly number[];
  readonly initTime: number;
  readonly batchTime: number;
  readonly data: readonly string[];
  readonly timeoutThreshold: number | null;
  readonly removeTimedout: boolean;
  readonly states: readonly [number, number][];
}

/**
 * Each line is a run of three batches: the state is put at `initTime`, the commands come at `batchTime`; what was touched
 * when is told by the timeouts that follow.
 */
async function commands(row: CaseRow) {
  return { expected: await Promise.all((row.expected as CommandLine[]).map(runCommands)) };
}

async function runCommands(line: CommandLine) {
  const { initStates, initTime, batchTime, data, timeoutThreshold } = line;
  const timeoutMillis = timeoutThreshold === null ? undefined : batchTime - timeoutThreshold;
  const seen = { output: [] as unknown[], timingOut: [] as unknown[], removed: [] as unknown[], called: false };
  const touched = new Map<string, number>();
  const act = (_key: string, command: string | undefined, state: State<number>, time: number) => {
    if (command?.startsWith('put ') === true) return state.update(Number(command.slice(4)));
    if (time !== batchTime) return undefined;
    seen.called = true;
    if (command === undefined) seen.timingOut.push(state.get());
    if (command === 'get-state') seen.output.push(state.getOption() ?? -1);
    if (command === 'update-state') state.update(state.exists() ? state.get() + 1 : 0);
    if (command === 'remove-state') {
      if (state.exists()) seen.removed.push(state.get());
      state.remove();
    }
    return undefined;
  };
  const base = StateSpec.function((key: string, command: string | undefined, state: State<number>, context) =>
    act(key, command, state, context.batchTimeMillis),
  );
  const spec = timeoutMillis === undefined ? base : base.timeout(timeoutMillis);
  const input = [initStates.map((value) => `put ${value}`), [...data]];
  const given = await runStream<[string], [string, number]>({
    batchIntervalMillis: initTime,
    inputs: [input],
    batches: batchTime / initTime,
    build: (_context, s) =>
      s
        .mapToPair<string, string>((command) => ['key', command])
        .mapWithState('row', spec)
        .stateSnapshots() as never,
  });
  const { output, timingOut: timedOut, removed, called } = structuredClone(seen);
  const changed = await touchTimes(line, spec);
  for (const [key, time] of changed) touched.set(key, time);
  const states = (given.at(-1) ?? []).map(([key, value]) => [value, touched.get(key)]);
  return { ...line, states, output, timingOut: timedOut, removed, functionCalled: called };
}

/** The batch time that the state of the key carries, as it is stored. */
async function touchTimes(line: CommandLine, spec: StateSpec<string, string, number, unknown>) {
  const { f, timeoutMillis } = spec.fields;
  const step = mapWithStateStep({ f: f as never, timeoutMillis });
  const before = initialKeyedState(
    line.initStates.map((value) => ['key', value] as const),
    line.initTime,
    timeoutMillis,
  );
  const context = {
    batchTimeMillis: line.batchTime,
    zeroTimeMillis: 0,
    batchIntervalMillis: line.initTime,
    isDue: true,
    signal: new AbortController().signal,
    breathe: () => undefined,
  };
  const done = await step(before, [[line.data.map((command) => ['key', command])]], context);
  return Array.from(done.memory.entries, ([key, entry]) => [String(key), entry.touchedMillis] as const);
}

/** The versions of S073: each is made from another one by a batch, and none is changed by what is made of it. */
async function chain(row: CaseRow) {
  const f = (_key: unknown, value: unknown, state: State<unknown>) => {
    if (value === 1) state.update(state.exists() ? (state.get() as number) + 1 : 0);
    if (value === 2) state.remove();
  };
  const step = mapWithStateStep({ f, timeoutMillis: undefined });
  const versions = new Map([['init', initialKeyedState(row.input as [string, unknown][], param(row, 'initTime'))]]);
  const lines = row.expected as { step: string; from: string; data: unknown[] }[];
  const context = {
    batchTimeMillis: param(row, 'updateTime'),
    zeroTimeMillis: 0,
    batchIntervalMillis: 1,
    isDue: true,
    signal: new AbortController().signal,
    breathe: () => undefined,
  };
  for (const { step: name, from, data } of lines) {
    const done = await step(versions.get(from)!, [[data]], context);
    versions.set(name, done.memory as never);
  }
  return {
    expected: lines.map((line) => {
      const entries = [...versions.get(line.step)!.entries] as [string, { value: unknown; touchedMillis: number }][];
      const states = entries.map(([key, { value, touchedMillis }]) => [key, value, touchedMillis] as const);
      return { ...line, states: states.toSorted(([a], [b]) => (a < b ? -1 : 1)) };
    }),
  };
}
