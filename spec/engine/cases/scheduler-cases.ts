import { SHARD_END, positionOf } from '../../../lib/base/position.ts';
import type { Block } from '../../../lib/block/block.ts';
import { judgeRange } from '../../../lib/engine/commit/intake.ts';
import { Line, type LineFields } from '../../../lib/engine/line.ts';
import { firstTickState, planTicks } from '../../../lib/engine/tick-plan.ts';
import { startRig } from '../harness.ts';
import type { CaseRow, CaseTable } from './case-file.ts';

/** Rows about ticks, batches, delays, and what is allotted to a batch. */
export const schedulerCases: CaseTable = {
  S195: { run: timer, given: ['clock', 'advance', 'stop'] },
  S199: { run: times, given: ['op', 'from', 'to', 'step'] },
  S212: { run: batchFigures },
  S214: { run: outputOrder },
  S217: { run: failures },
  S218: { run: failures },
  S258: { run: allotment, given: ['do'] },
  S259: { run: manyBlocks },
  S278: { run: unfinished },
  S333: { run: startTimes, given: ['nowMs', 'periodMs'] },
  S338: { run: delays, given: ['submission', 'start', 'end'] },
  S344: { run: accepted, given: ['H', 'E', 'e', 'f', 'l'] },
};

/** Ticks of a ticker whose clock is moved on; our first tick is the multiple after the start, so it starts before zero. */
function timer(row: CaseRow) {
  const periodMillis = row.params['periodMs'] as number;
  let state = firstTickState(-periodMillis, periodMillis);
  let now = -periodMillis;
  const fired: number[] = [];
  const moveTo = (time: number) => {
    now = time;
    const plan = planTicks(state, now, periodMillis);
    ({ state } = plan);
    fired.push(...plan.due);
  };
  const expected = (row.expected as { clock?: number; advance?: number; stop?: string }[]).map((step) => {
    if (step.stop !== undefined) return { ...step, returns: fired.at(-1) };
    moveTo(step.clock ?? now + (step.advance ?? 0));
    return { ...step, fired: [...fired] };
  });
  return { expected };
}

/** The ticks between two times: those after `from` and, for `to`, up to it. */
function times(row: CaseRow) {
  const lines = row.expected as { op: string; from: number; to: number; step: number }[];
  return {
    expected: lines.map((line) => {
      const { op, from, to, step } = line;
      // Counted from `from`: the ticker knows multiples only.
      const state = { pacedMillis: -step, lastTickMillis: -step };
      const last = op === 'to' ? to - from : to - from - 1;
      return { ...line, r: last < 0 ? [] : planTicks(state, last, step).due.map((tick) => tick + from) };
    }),
  };
}

function startTimes(row: CaseRow) {
  const lines = row.expected as { nowMs: number; periodMs: number }[];
  return {
    expected: lines.map(({ nowMs, periodMs }) => {
      const state = firstTickState(nowMs, periodMs);
      const { due } = planTicks(state, nowMs + periodMs, periodMs);
      return { nowMs, periodMs, first: due[0], zero: state.lastTickMillis };
    }),
  };
}

/** A batch formed at a tick, begun and ended as the row says, on an engine under virtual time. */
async function delays(row: CaseRow) {
  const expected: unknown[] = [];
  for (const line of row.expected as { submission: number; start: number; end: number }[]) {
    // The tick is where the batch is submitted; a batch before it keeps the line busy until the start.
    const [busyMillis, ownMillis] = [line.start - line.submission, line.end - line.start];
    const rig = startRig((stream) => stream.foreachBatch((_batch, { group }) => works[group]!()), {
      context: { batchIntervalMillis: 10_000 },
    });
    const pause = (millis: number) => new Promise<void>((resolve) => void rig.clock.timer(millis, resolve));
    const left = [() => pause(10_000 + busyMillis), () => pause(ownMillis)];
    const works: Record<string, () => Promise<void>> = { 'shard-0': () => left.shift()!() };
    rig.feed.push('shard-0', ['before']);
    await rig.clock.advance(15_000);
    rig.feed.push('shard-0', ['row']);
    await rig.clock.advance(100_000);
    rig.feed.end();
    await rig.clock.runUntil(rig.running);
    const batch = rig.eventsOf('batch.completed')[1]!;
    const { schedulingDelayMillis: schedulingDelay, processingDelayMillis: processingDelay } = batch;
    expected.push({ ...line, schedulingDelay, processingDelay, totalDelay: schedulingDelay + processingDelay });
  }
  return { expected };
}

/** The events of as many batches as the row has, one record each. */
async function batchFigures(row: CaseRow) {
  const rig = startRig((stream) => stream.map((x) => x).foreachBatch(() => {}));
  const input = row.input as unknown[][];
  for (const batch of input) {
    rig.feed.push('shard-0', batch.map(String));
    await rig.clock.advance(1_000);
  }
  rig.feed.end();
  await rig.clock.runUntil(rig.running);
  const events = rig.eventsOf('batch.completed');
  const isRising = (values: readonly number[]) => values.every((value, index) => value >= (values[index - 1] ?? 0));
  const rising = (values: readonly number[]) => (isRising(values) ? 'non-decreasing' : values);
  const one = <T>(values: readonly T[]) => (new Set(values).size === 1 ? values[0] : values);
  const submitted = {
    count: events.length,
    schedulingDelay: null,
    processingDelay: null,
    totalDelay: null,
    numRecords: one(events.map(({ records }) => records)),
    streamIdToInputInfo: { 0: one(events.map(({ records }) => records)) },
    submissionTime: rising(events.map(({ batchTimeMillis }) => batchTimeMillis)),
  };
  const schedulingDelay = Math.min(...events.map((event) => event.schedulingDelayMillis));
  const processingDelay = Math.min(...events.map((event) => event.processingDelayMillis));
  const starts = events.map((event) => event.batchTimeMillis + event.schedulingDelayMillis);
  const ends = events.map((event, index) => starts[index]! + event.processingDelayMillis);
  return {
    expected: {
      submitted,
      started: { count: events.length, schedulingDelay, processingDelay: null, processingStartTime: rising(starts) },
      completed: {
        count: events.length,
        schedulingDelay,
        processingDelay,
        totalDelay: schedulingDelay + processingDelay,
        processingEndTime: rising(ends),
      },
    },
  };
}

/** Outputs run in declaration order, each to its end before the next. */
async function outputOrder(row: CaseRow) {
  const started: number[] = [];
  const completed: number[] = [];
  const rig = startRig((stream) => {
    for (let id = 0; id < (row.params['outputOps'] as number); id += 1) {
      stream.foreachBatch(async () => {
        started.push(id);
        await Promise.resolve();
        completed.push(id);
      });
    }
  });
  rig.feed.push('shard-0', ['a']);
  await rig.clock.advance(1_000);
  rig.feed.end();
  await rig.clock.runUntil(rig.running);
  return { expected: { startedIds: started, completedIds: completed } };
}

/** One failing output does not hide another. */
async function failures(row: CaseRow) {
  const messages = (row.params['outputOps'] as string[]).map((text) => /"(.*)"/.exec(text)![1]!);
  const rig = startRig(
    (stream) => {
      for (const message of messages) stream.foreachBatch(() => Promise.reject(new Error(message)));
    },
    { maximumRetryAttempts: 0 },
  );
  rig.feed.push('shard-0', ['a']);
  await rig.clock.advance(2_000);
  const ended = await rig.running.then(
    () => 'ended',
    () => 'throws',
  );
  const failed = rig.eventsOf('batch.failed').map(({ message }) => message);
  return {
    expected: {
      failureReasons: Object.fromEntries(failed.map((message, index) => [index, message])),
      awaitTermination: ended,
      'batchCompleted event': failed.length === messages.length ? 'still posted' : 'missing',
    },
  };
}

/** A line without an engine around it: what it makes of blocks and ticks. */
function lineOf() {
  const batches: Block[][] = [];
  const fields: Partial<LineFields> = {
    group: 'application',
    zeroTimeMillis: 0,
    isShared: true,
    emptyBatches: true,
    run: ({ blocks, memory }) => {
      batches.push([...blocks]);
      return Promise.resolve({ tag: 'completed', memory });
    },
    hurriedTime: (last) => last + 1,
    onFault: (thrown) => {
      throw thrown;
    },
  };
  const line = new Line(fields as LineFields);
  return { line, batches };
}

function blockNamed(name: string): Block {
  const range = { shardId: 'shard-0', tenure: 1, after: positionOf(1n), through: positionOf(2n) };
  const { signal } = new AbortController();
  return { id: name, shardId: 'shard-0', range, records: [], signal } as unknown as Block;
}

async function allotment(row: CaseRow) {
  const { line, batches } = lineOf();
  let waiting: string[] = [];
  const names = ['b1', 'b2', 'b3', 'b4', 'b5'];
  const namesOf = (batch: Block[] | undefined) => batch?.map(({ id }) => id) ?? [];
  const add = () => {
    for (const name of names) line.offer(blockNamed(name));
    waiting = [...waiting, ...names];
  };
  const allot = async (time: number) => {
    const before = batches.length;
    line.tick(time);
    await line.settled();
    waiting = waiting.slice(namesOf(batches[before]).length);
    return namesOf(batches[before]);
  };
  const expected: unknown[] = [];
  for (const step of row.expected as { readonly do: string }[]) {
    if (step.do.startsWith('add')) add();
    if (step.do === 'allocate(1)') expected.push({ do: step.do, batch1: await allot(1), unallocated: waiting });
    else if (step.do === 'allocate(2)') expected.push({ do: step.do, batch2: await allot(2) });
    else if (step.do === 'allocate(1) again') {
      const { length } = batches;
      const isSame = length === 2;
      expected.push({ do: step.do, batch1: isSame ? 'unchanged (no-op: not newer than the last)' : length });
    } else if (step.do.startsWith('add b1..b5 again')) {
      expected.push({ do: step.do, batch2: namesOf(batches[1]), unallocated: waiting });
    } else expected.push({ do: step.do, unallocated: waiting, hasUnallocated: waiting.length > 0 });
  }
  return { expected };
}

async function manyBlocks(row: CaseRow) {
  const { line, batches } = lineOf();
  const count = row.params['blocks'] as number;
  for (let index = 0; index < count; index += 1) line.offer(blockNamed(`b${index}`));
  line.tick(1);
  await line.settled();
  const isAll = batches[0]?.length === count && batches[0].at(-1)?.id === `b${count - 1}`;
  return {
    expected: {
      batch1: isAll ? `all ${count}` : batches[0]?.length,
      log: '100000 additions then 1 allocation',
      logFiles: batches.length,
    },
  };
}

/** A batch that does not end keeps its blocks, however many are formed behind it. */
async function unfinished(row: CaseRow) {
  const { batches: count, blockedBatch } = row.params as { batches: number; blockedBatch: number };
  let run = 0;
  const rig = startRig((stream) => {
    stream.foreachBatch(() => ((run += 1) === blockedBatch ? new Promise(() => {}) : undefined));
  });
  const pushed: Block[] = [];
  for (let index = 0; index < count; index += 1) {
    pushed.push(rig.feed.push('shard-0', [`${index}`]));
    await rig.clock.advance(1_000);
  }
  const completed = rig.eventsOf('batch.completed').length;
  const isAcked = rig.feed.acked.some((range) => range === pushed[blockedBatch - 1]!.range);
  rig.stopRun.abort(new Error('the row is over'));
  await rig.running.catch(() => {});
  return {
    expected: {
      [`blocks of batch ${blockedBatch}`]: isAcked ? 'acked' : 'still there after batch 10 was generated',
      completed,
    },
  };
}

type Place = readonly [sequence: string, sub: number] | 'SHARD_END';

interface Offer {
  readonly H: Place | null;
  readonly E: number;
  readonly e: number;
  readonly f: Place;
  readonly l: Place;
  readonly result: string;
}

const placeOf = (place: Place) => (place === 'SHARD_END' ? SHARD_END : positionOf(BigInt(place[0]), place[1]));

/** The words of the row for our verdicts, and the mark after each. */
function accepted(row: CaseRow) {
  return {
    expected: (row.expected as Offer[]).map((offer) => {
      const { H, E, e, f, l } = offer;
      // Before anything was accepted, and for an end of shard, the mark is what the range follows.
      const mark = H === null ? positionOf(0n) : placeOf(H);
      const newer = e > E;
      const after = f === 'SHARD_END' || H === null || isBehind(f, H) ? mark : placeOf(f);
      const verdict = judgeRange(
        { position: mark, tenure: newer ? e : E },
        { shardId: 'shard-0', tenure: e, after, through: placeOf(l) },
      );
      const moves = verdict.tag === 'accept' || verdict.tag === 'cut';
      return { ...offer, result: wordsOf(verdict.tag, offer, newer), H2: moves ? l : H };
    }),
  };
}

/** Whether a range that begins here begins right behind the mark. */
function isBehind(first: Place, mark: Place): boolean {
  if (first === 'SHARD_END' || mark === 'SHARD_END') return true;
  const [a, b] = [BigInt(first[0]), BigInt(mark[0])];
  return a > b;
}

function wordsOf(tag: string, { f, H, l }: Offer, newer: boolean): string {
  const [, sub] = H === null || H === 'SHARD_END' ? ['', 0] : H;
  switch (tag) {
    case 'stale':
      return 'refuse: stale epoch';
    case 'drop':
      return l[0] === f[0] && BigInt(l[0]) < 1_000n && H?.[0] === '1000'
        ? 'drop (string order would accept)'
        : 'drop all (already accepted)';
    case 'cut':
      return f[0] === H?.[0]
        ? `keep subs ${sub + 1}..${l[1]} of ${f[0]}`
        : `cut head: keep positions > [${H?.[0]},${sub}]`;
    default:
      if (f === 'SHARD_END') return 'accept marker only after the batch with H is committed';
      if (newer) return 'accept, E becomes 3';
      return H?.[0] === '99' ? 'accept all (numeric, not string order)' : 'accept all';
  }
}
