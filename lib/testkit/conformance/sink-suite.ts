import assert from 'node:assert/strict';
import { isMillraceError } from '../../base/error.ts';
import type { BatchIds } from '../../engine/commit/manifest.ts';
import type { Sink, SinkContext } from '../../engine/sink/sink.ts';
import { writeToSink } from '../../engine/sink/sink-output.ts';
import type { ConformanceCase } from './case.ts';

/** What the cases give to the sink under test. Map your own items from it: `{ ...sink, write: (pairs, c) => sink.write(pairs.map(...), c) }`. */
export type SinkItem = readonly [key: string, value: string];

/** A target of the sink under test. */
export interface SinkTarget {
  /** A sink on it, as another process would make it. */
  open(): Sink<SinkItem>;
  /** What whoever reads the target sees now, in any order. */
  shown(): Promise<readonly SinkItem[]>;
  /** Has the next write fail half way, where the target can be made to. */
  failNextWrite?(): void;
}

/** Makes what {@link sinkSuite} needs. */
export interface SinkBench {
  /** `batches`: what is shown are the items of all batches. `keys`: for each key the value that was written last. */
  readonly shows: 'batches' | 'keys';
  /** A target without items. */
  createTarget(): Promise<SinkTarget>;
}

const never = new AbortController().signal;

interface Given {
  readonly batchId: number;
  readonly fence: number;
  readonly group?: string;
  readonly application?: string;
  readonly attempt?: number;
  readonly signal?: AbortSignal;
  readonly voided?: readonly BatchIds[];
}

/** What every sink must do, by what it declares; each case on a target of its own. */
export function sinkSuite(bench: SinkBench): readonly ConformanceCase[] {
  const on = (name: string, body: (target: SinkTarget) => Promise<void>): ConformanceCase => ({
    name,
    run: async () => body(await bench.createTarget()),
  });
  const isIdempotent = async (target: SinkTarget, body: () => Promise<void>) => {
    if (target.open().guarantee === 'idempotent') await body();
  };
  return [
    on('says what it is and promises, the same in every process', declares),
    on('shows what it was given once the write has resolved, also to others', (target) => shows(target, bench)),
    on('takes a batch without items', takesNothing),
    on('takes many items in one batch', takesMany),
    on('keeps groups and applications apart', keepsGroupsApart),
    on('shows every item at least once when a batch is given again', showsAgain),
    on('rejects with the reason of the signal', rejectsWithReason),
    on('shows once what one holder was given twice, if it is idempotent', (target) =>
      isIdempotent(target, () => showsOnce(target, { batchId: 1, fence: 3, attempt: 2 })),
    ),
    on('shows once what the next holder repeats, if it is idempotent', (target) =>
      isIdempotent(target, () => showsOnce(target, { batchId: 1, fence: 4 })),
    ),
    on('lets a holder of before change nothing, if it is idempotent', (target) =>
      isIdempotent(target, () => (bench.shows === 'keys' ? refusesZombies(target) : ignoresZombies(target))),
    ),
    on('refuses a holder of before from the first batch of the next, be it empty, if it shows keys', async (target) => {
      if (bench.shows === 'keys') await isIdempotent(target, () => fencesWithNothing(target));
    }),
    on('shows nothing of what a rewind has taken back, if it is idempotent and shows batches', async (target) => {
      if (bench.shows === 'batches') await isIdempotent(target, () => takesBack(target));
    }),
    on('shows once what failed half way and is tried again, if it is idempotent', (target) =>
      isIdempotent(target, () => survivesFailure(target)),
    ),
  ];
}

/** Gives a batch as the engine does: each array is a partition. */
function give(sink: Sink<SinkItem>, partitions: readonly (readonly SinkItem[])[], given: Given): Promise<void> {
  const { batchId, fence, group = 'shard-0', application = 'app', attempt = 1, signal = never, voided } = given;
  const context: Omit<SinkContext, 'partition'> = {
    application,
    group,
    batchId,
    batchTimeMillis: batchId * 1_000,
    fence: { kind: 'tenure', number: fence },
    attempt,
    signal,
    ...(voided === undefined ? {} : { voided }),
  };
  return writeToSink(sink, partitions, context);
}

const sorted = (items: readonly SinkItem[]): SinkItem[] =>
  items.map(([key, value]): SinkItem => [key, value]).toSorted(([a], [b]) => (a < b ? -1 : 1));

async function expectShown(target: SinkTarget, items: readonly SinkItem[]): Promise<void> {
  assert.deepEqual(sorted(await target.shown()), sorted(items));
}

async function declares(target: SinkTarget): Promise<void> {
  const [one, other] = [target.open(), target.open()];
  assert.ok(one.name.length > 0, 'the sink has no name');
  assert.ok(['idempotent', 'atLeastOnce'].includes(one.guarantee), `the guarantee is ${one.guarantee}`);
  assert.equal(typeof one.repeatable, 'boolean');
  assert.deepEqual(
    [other.name, other.guarantee, other.repeatable, other.takes],
    [one.name, one.guarantee, one.repeatable, one.takes],
  );
}

async function shows(target: SinkTarget, bench: SinkBench): Promise<void> {
  const sink = target.open();
  await give(sink, [[['a', '1']], [['b', '1']], []], { batchId: 1, fence: 3 });
  await expectShown(target, [
    ['a', '1'],
    ['b', '1'],
  ]);
  await give(sink, [[['a', '2']]], { batchId: 2, fence: 3 });
  const last: SinkItem[] = [
    ['a', '2'],
    ['b', '1'],
  ];
  await expectShown(target, bench.shows === 'keys' ? last : [['a', '1'], ...last]);
}

async function takesNothing(target: SinkTarget): Promise<void> {
  await give(target.open(), [], { batchId: 1, fence: 3 });
  await give(target.open(), [[], []], { batchId: 2, fence: 3 });
  await expectShown(target, []);
}

async function takesMany(target: SinkTarget): Promise<void> {
  const items = Array.from({ length: 250 }, (_, index): SinkItem => [`key ${index}`, 'x'.repeat(index)]);
  await give(target.open(), [items.slice(0, 120), items.slice(120)], { batchId: 1, fence: 3 });
  await expectShown(target, items);
}

async function keepsGroupsApart(target: SinkTarget): Promise<void> {
  await give(target.open(), [[['a', '1']]], { batchId: 9, fence: 8, group: 'shard-1' });
  await give(target.open(), [[['b', '1']]], { batchId: 1, fence: 3, group: 'shard-2' });
  await give(target.open(), [[['c', '1']]], { batchId: 1, fence: 1, group: 'shard-1', application: 'other' });
  // Names that some target could take for one.
  await give(target.open(), [[['d', '1']]], { batchId: 1, fence: 3, group: 'lines:shard/2' });
  await give(target.open(), [[['e', '1']]], { batchId: 1, fence: 3, group: 'lines:shard', application: 'app/lines' });
  const keys = ['a', 'b', 'c', 'd', 'e'];
  await expectShown(
    target,
    keys.map((key): SinkItem => [key, '1']),
  );
}

async function showsAgain(target: SinkTarget): Promise<void> {
  const partitions: SinkItem[][] = [[['a', '1']], [['b', '1']]];
  await give(target.open(), partitions, { batchId: 1, fence: 3 });
  await give(target.open(), partitions, { batchId: 1, fence: 3, attempt: 2 });
  const seen = new Set((await target.shown()).map(([key]) => key));
  assert.deepEqual([...seen].toSorted(), ['a', 'b']);
}

async function rejectsWithReason(target: SinkTarget): Promise<void> {
  const reason = new Error('the lease is lost');
  const given = { batchId: 1, fence: 3, signal: AbortSignal.abort(reason) };
  await assert.rejects(give(target.open(), [[['a', '1']]], given), reason);
  await expectShown(target, []);
}

/** The batch 1 of fence 3, given once more as `again` says. */
async function showsOnce(target: SinkTarget, again: Given): Promise<void> {
  const partitions: SinkItem[][] = [[['a', '1']], [['b', '1']]];
  await give(target.open(), partitions, { batchId: 1, fence: 3 });
  await give(target.open(), partitions, again);
  await expectShown(target, partitions.flat());
  // And the one who repeated it goes on.
  await give(target.open(), [[['c', '1']]], { batchId: 2, fence: again.fence });
  await expectShown(target, [...partitions.flat(), ['c', '1']]);
}

async function refusesZombies(target: SinkTarget): Promise<void> {
  const zombie = target.open();
  await give(zombie, [[['a', '1']]], { batchId: 1, fence: 3 });
  await give(target.open(), [[['a', '2']]], { batchId: 2, fence: 4 });
  const late: Given[] = [
    { batchId: 2, fence: 3 },
    { batchId: 9, fence: 3 },
    // A request of the holder itself that was under way for long.
    { batchId: 1, fence: 4 },
  ];
  for (const given of late) {
    const items: SinkItem[] = [
      ['a', 'late'],
      ['z', 'late'],
    ];
    await assert.rejects(give(zombie, [items], given), (thrown) => isMillraceError(thrown, 'MR_SINK_FENCED'));
    await assert.rejects(give(target.open(), [items], given), (thrown) => isMillraceError(thrown, 'MR_SINK_FENCED'));
  }
  await expectShown(target, [['a', '2']]);
}

/** Where targets are named by the batch, what is repeated is the same; so a late repetition may be taken, and changes nothing. */
async function ignoresZombies(target: SinkTarget): Promise<void> {
  const zombie = target.open();
  const first: SinkItem[] = [['a', '1']];
  const second: SinkItem[] = [['b', '1']];
  await give(zombie, [first], { batchId: 1, fence: 3 });
  await give(target.open(), [second], { batchId: 2, fence: 4 });
  for (const [items, batchId] of [
    [second, 2],
    [first, 1],
  ] as const) {
    await give(zombie, [items], { batchId, fence: 3 }).catch((thrown: unknown) => {
      if (!isMillraceError(thrown, 'MR_SINK_FENCED')) throw thrown;
    });
  }
  await expectShown(target, [...first, ...second]);
}

async function fencesWithNothing(target: SinkTarget): Promise<void> {
  const zombie = target.open();
  await give(zombie, [[['a', '1']]], { batchId: 1, fence: 3 });
  await give(target.open(), [], { batchId: 2, fence: 4 });
  const refused = (thrown: unknown) => isMillraceError(thrown, 'MR_SINK_FENCED');
  await assert.rejects(give(zombie, [[['a', 'late']]], { batchId: 2, fence: 3 }), refused);
  await expectShown(target, [['a', '1']]);
}

/** The state goes back from batch 3 to batch 1, as batch 4; the holder of before is about to put out batch 4. */
async function takesBack(target: SinkTarget): Promise<void> {
  const zombie = target.open();
  for (const batchId of [1, 2, 3]) await give(zombie, [[[`${batchId}`, 'before']]], { batchId, fence: 3 });
  const voided = [{ from: 2, through: 4 }];
  await give(target.open(), [[['2', 'after']]], { batchId: 5, fence: 4, voided });
  const expected: readonly SinkItem[] = [
    ['1', 'before'],
    ['2', 'after'],
  ];
  await expectShown(target, expected);
  await give(zombie, [[['4', 'before']]], { batchId: 4, fence: 3 }).catch((thrown: unknown) => {
    if (!isMillraceError(thrown, 'MR_SINK_FENCED')) throw thrown;
  });
  await expectShown(target, expected);
}

async function survivesFailure(target: SinkTarget): Promise<void> {
  if (target.failNextWrite === undefined) return;
  const items = Array.from({ length: 250 }, (_, index): SinkItem => [`key ${index}`, '1']);
  const sink = target.open();
  target.failNextWrite();
  await assert.rejects(give(sink, [items], { batchId: 1, fence: 3 }));
  await give(sink, [items], { batchId: 1, fence: 3, attempt: 2 });
  await expectShown(target, items);
}
