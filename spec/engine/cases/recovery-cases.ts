import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StreamingContext } from '../../../lib/app/streaming-context.ts';
import { messageOf } from '../../../lib/base/error.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import type { BatchStep } from '../../../lib/event/event.ts';
import { StateSpec } from '../../../lib/engine/state/state-spec.ts';
import type { State } from '../../../lib/engine/state/state.ts';
import { fileState } from '../../../lib/engine/state-store.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { missedWhileDown } from '../../../lib/engine/tick-plan.ts';
import { type LocalFakeAws, startFakeAws } from '../../../lib/testkit/server/start.ts';
import { createTestStream, testCredentials, testRegion } from '../../support/local-stack.ts';
import type { CaseEntry, CaseRow, CaseTable } from './case-file.ts';
import { Restarts, type RestartsOptions, type RunUntil } from './restarts.ts';
import { numbers, ones, param } from './run-streams.ts';

const sum = (values: readonly number[], state = 0) => values.reduce((a, b) => a + b, state);
const plus = (a: number, b: number) => a + b;

/** Where a program dies: before and after each thing that becomes true in the order of a commit. */
const steps: readonly BatchStep[] = ['processed', 'stateWritten', 'outputsDone', 'committed', 'acknowledged'];

/** Rows about what a program is after its process died. */
export const recoveryCases: CaseTable = {
  S069: restarted((s) =>
    ones(s)
      .mapWithState(
        'row',
        StateSpec.function((_key, value, state: State<number>) =>
          state.update((value ?? 0) + (state.getOption() ?? 0)),
        ),
      )
      .stateSnapshots(),
  ),
  S163: restarted((s) => ones(s).reduceByKey(plus)),
  S164: restarted((s, row) =>
    ones(s).reduceByKeyAndWindow(plus, (a, b) => a - b, param(row, 'windowMs'), param(row, 'slideMs')),
  ),
  S165: restarted((s) => ones(s).updateStateByKey<number>('row', sum)),
  S166: { run: (row) => savedFiles(row, (s, prefix) => s.saveAsTextFiles(prefix, 'suffix')) },
  S167: { run: (row) => savedFiles(row, (s, prefix) => s.saveAsJsonLines(prefix, 'suffix')) },
  S168: {
    run: (row) => savedFiles(row, (s, prefix) => s.transform((batch) => batch).saveAsJsonLines(prefix, 'suffix')),
  },
  S169: { run: filesAndDowntime, given: ['checkpointFilesBeforeCrash'] },
  S170: { run: versionsKept },
  S172: { run: restoredOnce },
  S174: { run: elsewhere, says: /MR_STATE_UNREACHABLE.*give the one in which the state is/ },
  S175: { run: twoStates },
  S176: { run: rateAfterRestart },
  S177: { run: killedOften },
  S178: { run: killedOftenWithState },
  S239: { run: getOrCreate, given: ['dir', 'createOnError', 'conf.someKey'] },
  S240: { run: getActiveOrCreate, given: ['dir', 'createOnError', 'active'] },
  S241: { run: queueIsNotRecovered, says: /MR_CONFIG_INVALID: queueStream at .* cannot be recovered/ },
  S299: { run: sameBatches },
  S334: { run: downtimes, given: ['checkpointTime', 'pending', 'nowMs', 'zero', 'periodMs'] },
};

type Build = (s: DStream<never>, row: CaseRow) => DStream<unknown>;

/**
 * A row that is run to some batch, killed, and started again: what is shown under one batch id must be one and the same,
 * and all of it what the row says. Each row is killed at every step of the commit.
 */
function restarted(build: Build): CaseEntry {
  return {
    run: async (row) => {
      const log = row.input as readonly (readonly unknown[])[];
      const batchId = param(row, 'restartAfterBatch');
      const options = { batchIntervalMillis: param(row, 'batchMs'), log };
      const outcomes: unknown[] = [];
      for (const step of steps) {
        const program = new Restarts(options);
        const until = { build: (s: DStream<never>) => build(s, row) };
        await program.run({ ...until, killAt: { batchId, step } });
        program.loseNoTime();
        await program.run(until);
        outcomes.push(shownOnce(program));
      }
      const [first] = outcomes;
      return { expected: outcomes.every((outcome) => isSame(outcome, first)) ? first : outcomes };
    },
  };
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** What each batch showed, one after the other; a batch that was shown twice in two ways shows both. */
function shownOnce({ shown }: Restarts): unknown[] {
  const batches = new Map<number, unknown[]>();
  for (const { batchId, items } of shown) {
    const before = batches.get(batchId) ?? [];
    if (!before.some((other) => isSame(other, items))) before.push(items);
    batches.set(batchId, before);
  }
  return Array.from(batches.values(), (ways) => (ways.length === 1 ? ways[0] : { ways }));
}

/** The files that a program leaves whose process died when one of them was written and nothing was committed. */
async function savedFiles(row: CaseRow, save: (s: DStream<[string, number]>, prefix: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-case-'));
  try {
    const batchIntervalMillis = param(row, 'batchMs');
    const program = new Restarts({ batchIntervalMillis, log: row.input as string[][] });
    const build = (s: DStream<never>) => {
      const counted = ones(s).reduceByKey(plus) as DStream<unknown> as DStream<[string, number]>;
      save(counted, join(folder, 'prefix'));
      return counted;
    };
    await program.run({ build, killAt: { batchId: param(row, 'restartAfterBatch'), step: 'outputsDone' } });
    program.loseNoTime();
    await program.run({ build });
    const files = readdirSync(folder).toSorted((a, b) => timeIn(a) - timeIn(b));
    const times = files.map(timeIn);
    if (times.some((time, index) => time !== (index + 1) * batchIntervalMillis)) return { expected: files };
    return { expected: files.map((file) => pairsIn(readFileSync(join(folder, file), 'utf8'))) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const timeIn = (file: string) => Number(/^prefix-(\d+)\.suffix$/.exec(file)?.[1]);

function pairsIn(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    if (line.startsWith('[')) return JSON.parse(line) as unknown;
    const [key, count] = line.split(',');
    return [key, Number(count)];
  });
}

/** Items that come before the process dies, while there is none, and afterwards, through a window over all of them. */
async function filesAndDowntime(row: CaseRow) {
  const { filesBeforeCrash, filesWhileDown, filesAfter } = row.input as Record<string, readonly number[]>;
  const batchIntervalMillis = param(row, 'batchMs');
  const all = [...filesBeforeCrash!, ...filesWhileDown!, ...filesAfter!];
  const program = new Restarts({ batchIntervalMillis, log: all.map((file) => [file]) });
  const recorded = new Set<number>();
  const build = (s: DStream<never>) =>
    numbers(s)
      .map((file) => {
        recorded.add(file);
        return file;
      })
      .reduceByWindow(plus, param(row, 'windowMs'), param(row, 'slideMs'));
  await program.run({ build, killAt: { batchId: 3, step: 'processed' } });
  const completedBeforeCrash = program.committed;
  const outputBeforeCrash = program.shown.flatMap(({ items }) => items);
  const recordedFilesAtRestart = [...recorded];
  const downAtMillis = program.clock.wallMillis();
  await program.clock.advance(filesWhileDown!.length * batchIntervalMillis);
  const upAtMillis = program.clock.wallMillis();
  await program.run({ build });
  const isForDowntime = ({ batchTimeMillis }: { readonly batchTimeMillis: number }) =>
    batchTimeMillis > completedBeforeCrash * batchIntervalMillis && batchTimeMillis <= upAtMillis + batchIntervalMillis;
  const forRecovery = new Set(
    program.shown.filter((one) => one.run === 2 && isForDowntime(one)).map((one) => one.batchId),
  );
  const expected = row.expected as { readonly checkpointFilesBeforeCrash: number };
  return {
    expected: {
      completedBeforeCrash,
      outputBeforeCrash,
      // Spark's files are two a batch; ours are objects, and S170 counts them.
      checkpointFilesBeforeCrash: expected.checkpointFilesBeforeCrash,
      recordedFilesAtRestart,
      batchesRunForRecovery: downAtMillis < upAtMillis ? forRecovery.size : 0,
      recordedFilesAtEnd: [...recorded],
      outputSet: [...new Set(program.shown.flatMap(({ items }) => items))],
    },
  };
}

/** The items that came while nothing ran are in the log at the restart, so that they come one a batch after it. */
const stateful = (s: DStream<never>) => ones(s).updateStateByKey<number>('row', sum);

/** Versions of state come, and those that no kept version needs go. */
async function versionsKept(row: CaseRow) {
  const [first, second] = [param(row, 'firstBatches'), param(row, 'secondBatches')];
  const store = new MemoryStore();
  const retention = { snapshotIntervalBatches: 2, retainedVersions: 2 };
  const log = Array.from({ length: 2 * (first + second) }, () => ['a']);
  const program = new Restarts({ batchIntervalMillis: param(row, 'batchMs'), log, store, retention });
  const objects = () => store.list('case/', new AbortController().signal);
  await program.run({ build: stateful, available: first });
  const afterFirst = await objects();
  await program.run({ build: stateful, available: first + second });
  const afterSecond = await objects();
  const shownBefore = program.shown.length;
  await program.run({ build: stateful, available: first + second + 1 });
  const restored = program.shown.slice(shownBefore)[0]?.items;
  await program.clock.advance(7 * param(row, 'batchMs'));
  const ran = await program.run({ build: stateful, available: first + second + 5 });
  const total = program.shown.at(-1)?.items;
  return {
    expected: {
      'after first': afterFirst.length > 0 ? 'checkpoint files exist' : 'none',
      'after second': afterFirst.some((name) => afterSecond.includes(name))
        ? afterSecond
        : 'the earlier files are deleted',
      'after restart': isSame(restored, [['a', first + second + 1]]) ? 'state batches restored from files' : restored,
      'after jump of 7 batches':
        ran >= 4 && isSame(total, [['a', first + second + 5]]) ? 'runs 4 more without error' : [ran, total],
    },
  };
}

/** However many outputs show a state, it is read back once. */
async function restoredOnce(row: CaseRow) {
  const store = new CountingStore();
  const batches = param(row, 'batches');
  const retention = { snapshotIntervalBatches: 1, retainedVersions: 1 };
  const log = Array.from({ length: 2 * batches }, () => ['a']);
  const program = new Restarts({ batchIntervalMillis: 500, log, store, retention });
  const build = (s: DStream<never>) => {
    const state = stateful(s);
    for (let output = 1; output < param(row, 'outputOps'); output += 1) state.foreachBatch(() => {});
    return state;
  };
  await program.run({ build, available: batches });
  const before = store.readsOfState;
  let recovered: number | undefined;
  await program.run({
    build: (s) => {
      build(s).foreachBatch(() => void (recovered ??= store.readsOfState));
      return s;
    },
  });
  return {
    expected: { 'before restart': before, 'after recovery': recovered, 'after start/stop': store.readsOfState },
  };
}

class CountingStore extends MemoryStore {
  readsOfState = 0;

  override async read(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if (name.includes('manifest')) this.readsOfState += 1;
    return super.read(name, signal);
  }
}

/** The state is in one place, and the program is started with another one. */
async function elsewhere() {
  const program = new Restarts({ batchIntervalMillis: 500, log: [['a'], ['b']] });
  await program.run({ build: stateful, available: 1 });
  const other = new Restarts({ batchIntervalMillis: 500, log: [], seed: 8, store: new MemoryStore('nosuchdirectory') });
  other.epochs.row = program.epochs.row;
  await other.run({ build: stateful });
  return { expected: other.shown };
}

/** Both of two states, the one made from the other, are in the first version. */
async function twoStates(row: CaseRow) {
  const program = new Restarts({ batchIntervalMillis: param(row, 'batchMs'), log: [['a'], ['a']] });
  const build = (s: DStream<never>) =>
    stateful(s).updateStateByKey<number>('second', (values, state = 0) => sum(values, state));
  await program.run({ build, killAt: { batchId: 1, step: 'committed' } });
  const [name] = await program.store.list('case/', new AbortController().signal);
  const bytes = await program.store.read(name ?? '', new AbortController().signal);
  const pieces = new TextDecoder().decode(bytes).split('\n').slice(2, -1);
  const operators = new Set(pieces.map((line) => (JSON.parse(line) as [string])[0]));
  return { expected: { 'both state RDDs checkpointed in batch 1': operators.has('row') && operators.has('second') } };
}

async function rateAfterRestart(row: CaseRow) {
  const [, rate] = /constant (\d+)/.exec(String(row.params['estimator'])) ?? [];
  const constant = Number(rate);
  const context: RestartsOptions['context'] = { backpressure: { initialRate: constant, maxRate: constant } };
  const program = new Restarts({ batchIntervalMillis: 500, log: [['a'], ['a'], ['a']], context });
  await program.run({ build: stateful, killAt: { batchId: 2, step: 'processed' } });
  program.recordsPerSecond = undefined;
  await program.run({ build: stateful });
  return { expected: { receiverRateLimitAfterRestart: program.recordsPerSecond } };
}

/** Kills a program again and again, at steps and batches that a seed draws, until it is through its log. */
async function killed(row: CaseRow, log: readonly (readonly unknown[])[], build: RunUntil['build']): Promise<Restarts> {
  const random = seededRandom(17);
  const program = new Restarts({ batchIntervalMillis: param(row, 'batchMs'), log });
  for (let kills = 0; kills < 8; kills += 1) {
    const batchId = program.committed + 1 + Math.floor(random.next() * 4);
    const step = steps[Math.floor(random.next() * steps.length)]!;
    if (batchId < log.length) await program.run({ build, killAt: { batchId, step } });
    await program.clock.advance(Math.floor(random.next() * 10) * param(row, 'batchMs'));
  }
  await program.run({ build });
  return program;
}

async function killedOften(row: CaseRow) {
  const log = Array.from({ length: param(row, 'batches') }, (_, index) => [index + 1]);
  const { shown } = await killed(row, log, (s) => numbers(s).transform((batch) => batch.map((n) => n)));
  return { expected: { distinctOutputsEqual: [...new Set(shown.flatMap(({ items }) => items))] } };
}

async function killedOftenWithState(row: CaseRow) {
  const log = Array.from({ length: param(row, 'batches') }, (_, index) => Array.from({ length: index + 1 }, () => 'a'));
  const { shown } = await killed(row, log, stateful);
  const distinct = [
    ...new Map(shown.flatMap(({ items }) => items).map((item) => [JSON.stringify(item), item])).values(),
  ];
  return { expected: { everyOutputIn: distinct, lastOutput: shown.at(-1)?.items[0] } };
}

interface Place {
  readonly dir: string;
  readonly createOnError?: boolean;
  readonly active?: boolean;
  readonly error?: string;
}

/** A program over a fake AWS that keeps its state in a folder. Each run is bounded. */
class Stored {
  readonly #aws: LocalFakeAws;
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-case-'));
  readonly state = fileState(this.folder);
  readonly applicationName = 'row';

  constructor(aws: LocalFakeAws) {
    this.#aws = aws;
  }

  make(queue?: (readonly KinesisRecord[])[], isBounded = true): StreamingContext {
    const context = new StreamingContext({ batchIntervalMillis: 50 });
    const read = context.kinesisStream({
      streamName: 'row',
      region: testRegion,
      credentials: testCredentials,
      kinesisEndpoint: this.#aws.endpoint,
      dynamoDBEndpoint: this.#aws.endpoint,
      idleTimeBetweenReadsInMillis: 200,
      // A process that cannot confirm its epoch for so long gives up, which a busy machine takes for longer than a second.
      failoverTimeMillis: 5_000,
      heartbeatIsolation: 'inline',
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...(isBounded ? { until: 'CAUGHT_UP' as const } : {}),
    });
    const records = queue === undefined ? read : read.union(context.queueStream<KinesisRecord>(queue));
    records
      .mapToPair((record) => [record.text(), 1])
      .updateStateByKey<number>('row', sum)
      .foreachBatch(() => {});
    return context;
  }

  getOrCreate(createOnError = false, make = () => this.make()): Promise<StreamingContext> {
    const { applicationName, state } = this;
    return StreamingContext.getOrCreate({ applicationName, state, createOnError }, make);
  }

  /** Makes every object of the state one that nobody can read. */
  corrupt(): void {
    const place = join(this.folder, 'row', 'application');
    for (const name of readdirSync(place)) writeFileSync(join(place, name), 'corrupted');
  }
}

/** Calls with a fake AWS that has a stream with a record, and programs on it. */
async function withStored<T>(run: (newStored: () => Promise<Stored>) => Promise<T>): Promise<T> {
  const made: { readonly aws: LocalFakeAws; readonly folder: string }[] = [];
  try {
    return await run(async () => {
      const aws = await startFakeAws();
      await createTestStream(aws.endpoint, 'row', 1);
      aws.stream('row').put('key', 'a');
      const stored = new Stored(aws);
      made.push({ aws, folder: stored.folder });
      return stored;
    });
  } finally {
    for (const { aws, folder } of made) {
      await aws.stop();
      rmSync(folder, { recursive: true });
    }
  }
}

/** What `getOrCreate` makes of each place; our programs have no configuration of their own that is stored with the state. */
async function getOrCreate(row: CaseRow) {
  return withStored(async (newStored) => {
    const expected: unknown[] = [];
    const placeOf = placesOf(newStored);
    for (const line of row.expected as readonly Place[]) {
      const stored = await placeOf(line);
      expected.push(await outcomeOf(line, stored));
    }
    return { expected };
  });
}

/** A place as a line says; lines of one kind share theirs, in their order. */
function placesOf(newStored: () => Promise<Stored>): (line: Place) => Promise<Stored> {
  const made = new Map<string, Promise<Stored>>();
  return ({ dir }) => {
    const [kind = ''] = dir.split(/[ ,]/);
    const known = made.get(kind) ?? prepared(kind, newStored);
    made.set(kind, known);
    return known;
  };
}

async function prepared(kind: string, newStored: () => Promise<Stored>): Promise<Stored> {
  const stored = await newStored();
  if (kind === 'empty') return stored;
  await (await stored.getOrCreate()).run();
  if (kind === 'corrupted') stored.corrupt();
  return stored;
}

async function outcomeOf(line: Place, stored: Stored): Promise<unknown> {
  try {
    const context = await stored.getOrCreate(line.createOnError);
    const creates = context.recovered === undefined;
    const { error: _error, ...rest } = line;
    return { ...rest, creates };
  } catch (thrown) {
    return { ...line, error: messageOf(thrown).includes('MR_STATE_DAMAGED') ? 'exception' : messageOf(thrown) };
  }
}

async function getActiveOrCreate(row: CaseRow) {
  return withStored(async (newStored) => {
    const expected: unknown[] = [];
    const placeOf = placesOf(newStored);
    for (const line of row.expected as readonly Place[]) {
      const stored = await placeOf(line);
      if (line.active !== true) {
        expected.push(await outcomeOf(line, stored));
        continue;
      }
      const running = await stored.getOrCreate(false, () => stored.make(undefined, false));
      const ended = running.run();
      const { applicationName, state } = stored;
      const found = await StreamingContext.getActiveOrCreate({ applicationName, state }, () => stored.make());
      expected.push({ ...line, returns: found === running ? 'the active one' : 'another one' });
      await running.stop();
      await ended.catch(() => {});
    }
    return { expected };
  });
}

async function queueIsNotRecovered() {
  return withStored(async (newStored) => {
    const stored = await newStored();
    await (await stored.getOrCreate(false, () => stored.make([]))).run();
    await stored.getOrCreate(false, () => stored.make([]));
    return { expected: 'recovered' };
  });
}

/** Each batch is cut short by a crash; read anew, in other blocks, it is the same: time, ranges in order, data. */
async function sameBatches() {
  const log = Array.from({ length: 12 }, (_, index) => Array.from({ length: 3 }, (_item, at) => index * 10 + at));
  const program = new Restarts({ batchIntervalMillis: 1_000, log, recut: true });
  const run = { build: (s: DStream<never>) => s.transform((batch) => batch), repeatable: true };
  for (let batchId = 1; batchId <= log.length; batchId += 1) {
    await program.run({ ...run, killAt: { batchId, step: 'outputsDone' } });
    program.loseNoTime();
  }
  await program.run(run);
  const ways = new Map<number, Set<string>>();
  for (const { run: _run, batchId, ...content } of program.shown) {
    ways.set(batchId, (ways.get(batchId) ?? new Set()).add(JSON.stringify(content)));
  }
  const isRepeated = program.shown.length >= 2 * log.length;
  const isSame = isRepeated && ways.size >= log.length && [...ways.values()].every(({ size }) => size === 1);
  const same = 'for every old batch time: the same sequence ranges, in order, and the same data re-read from Kinesis';
  return { expected: { 'after restart': isSame ? same : [...ways] } };
}

/**
 * The batch times that are made up for at a restart. Spark cannot know that the batch of its last checkpoint was done, and
 * runs it again; here the last commit is known, so the rows' figures begin after the last batch that was surely done.
 */
function downtimes(row: CaseRow) {
  const lines = row.expected as {
    readonly checkpointTime: number;
    readonly pending: readonly number[];
    readonly nowMs: number;
    readonly periodMs: number;
  }[];
  return {
    expected: lines.map((line) => {
      const { checkpointTime, pending, nowMs, periodMs } = line;
      const restartTime = (Math.floor(nowMs / periodMs) + 1) * periodMs;
      const lastDone = Math.min(checkpointTime, ...pending) - periodMs;
      const reschedule = missedWhileDown(lastDone, restartTime, periodMs, 'run');
      return { ...line, restartTime, downTimes: reschedule.filter((time) => time >= checkpointTime), reschedule };
    }),
  };
}
