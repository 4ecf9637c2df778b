import { beforeEach, describe, expect, it } from 'vitest';
import { positionOf } from '../../../lib/base/position.ts';
import { type Random, seededRandom } from '../../../lib/base/random.ts';
import type { ShardOpening } from '../../../lib/block/shard-opening.ts';
import { CommitPlace } from '../../../lib/engine/commit/commit-place.ts';
import type { GroupLog } from '../../../lib/engine/commit/group-log.ts';
import { parsePointer } from '../../../lib/engine/commit/pointer.ts';
import { writeRelocation } from '../../../lib/engine/commit/relocate.ts';
import { type StateConversion, checkConversions } from '../../../lib/engine/commit/state-conversion.ts';
import { readVersions } from '../../../lib/engine/commit/version-list.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import type { PairKey } from '../../../lib/engine/key.ts';
import type { Persistence } from '../../../lib/engine/persistence.ts';
import { keyedPersistence } from '../../../lib/engine/state/keyed-persistence.ts';
import { KeyedEdit, type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import { memoryState } from '../../../lib/engine/state-store.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { identityOf } from '../../../lib/engine/store/store-identity.ts';

const never = new AbortController().signal;
const end = 2n ** 128n - 1n;
const byKey = keyedPersistence({ tag: 'byKey' });
const range = (from: bigint, to: bigint) => ({ startingHashKey: from.toString(), endingHashKey: to.toString() });

type Conversions = Readonly<Record<string, StateConversion>>;
type Values = Readonly<Record<string, unknown>>;

let store: MemoryStore;
let random: Random;

beforeEach(() => {
  store = new MemoryStore();
  random = seededRandom(3);
});

/** Where a program with these operators commits. */
function placeOf(operators: readonly string[], convertState: Conversions = {}): CommitPlace {
  const codecs = new Map<string, Persistence>(operators.map((operator) => [operator, byKey as Persistence]));
  const conversions = checkConversions(convertState, codecs);
  return new CommitPlace({ store, application: 'app', scope: 'shard', codecs, conversions, random });
}

const recover = (place: CommitPlace, pointer: string | undefined) => place.logOf('s0', pointer, 'lease s0', never);

/** Sets values of an operator in a batch; answers what its row would hold. */
async function commit(log: GroupLog, operator: string, values: Values): Promise<string> {
  const batchId = (log.last?.batchId ?? 0) + 1;
  const before = (log.memory.get(operator) as KeyedState | undefined) ?? initialKeyedState();
  const edit = new KeyedEdit<PairKey, unknown>(before, batchId * 1_000);
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) edit.remove(key);
    else edit.set(key, value, undefined, true);
  }
  const prepared = await log.prepare(
    {
      batchId,
      batchTimeMillis: batchId * 1_000,
      zeroTimeMillis: 0,
      fence: { kind: 'tenure', number: 1 },
      shards: [{ shardId: 's0', streamName: 'lines', position: positionOf(BigInt(batchId)) }],
      memory: new Map(log.memory).set(operator, edit.next()),
    },
    never,
  );
  log.noteCommitted(prepared);
  return prepared.pointer;
}

const valuesOf = ({ memory }: GroupLog, operator: string): Values =>
  Object.fromEntries(
    Array.from((memory.get(operator) as KeyedState).entries, ([key, { value }]) => [String(key), value]),
  );

/** Numbers become objects; anything else is refused. */
const toSum: StateConversion = {
  version: 1,
  convert(stored) {
    if (typeof stored !== 'number') throw new TypeError(`${JSON.stringify(stored)} is no number`);
    return { sum: stored };
  },
};

/** What a first program leaves: a snapshot and changes after it. */
async function first(operator = 'counts'): Promise<string> {
  const log = await recover(placeOf([operator]), undefined);
  await commit(log, operator, { a: 1, b: 2, gone: 5 });
  return commit(log, operator, { b: 3, c: 4, gone: undefined });
}

describe('state that is converted', () => {
  it('is the last value of each key, once, and is written whole with its version', async () => {
    const given: unknown[] = [];
    const convert: StateConversion['convert'] = (stored, context) => {
      given.push([stored, context]);
      return context.key === 'a' ? undefined : { sum: stored };
    };
    const place = placeOf(['counts'], { counts: { version: 1, convert } });
    const log = await recover(place, await first());
    const context = { operator: 'counts', storedAs: 'counts', storedVersion: 0 };
    expect(given).toEqual([
      [1, { ...context, key: 'a' }],
      [3, { ...context, key: 'b' }],
      [4, { ...context, key: 'c' }],
    ]);
    expect(valuesOf(log, 'counts')).toEqual({ b: { sum: 3 }, c: { sum: 4 } });
    expect(log.converted).toEqual([
      { operator: 'counts', storedAs: 'counts', storedVersion: 0, version: 1, keys: 3, dropped: 1 },
    ]);
    // One key changes, and all of the state must be written: changes would stand on numbers.
    const pointer = await commit(log, 'counts', { b: { sum: 9 } });
    expect(log.last?.state).toMatchObject({ own: 'snapshot', chain: [], versions: { counts: 1 } });
    const later = await commit(log, 'counts', { d: { sum: 1 } });
    expect(log.last?.state).toMatchObject({ own: 'changes', versions: { counts: 1 } });
    for (const [row, d] of [
      [pointer, {}],
      [later, { d: { sum: 1 } }],
    ] as const) {
      const next = await recover(place, row);
      expect(valuesOf(next, 'counts')).toEqual({ b: { sum: 9 }, c: { sum: 4 }, ...d });
      expect(next.converted).toEqual([]);
    }
    expect(given).toHaveLength(3);
  });

  it('is given and taken as the program has it: dates, maps, bigints', async () => {
    const log = await recover(placeOf(['seen']), undefined);
    const pointer = await commit(log, 'seen', { a: { at: new Date(5), by: new Map([[1n, new Set(['x'])]]) } });
    const convert: StateConversion['convert'] = (stored) => {
      const { at, by } = stored as { at: Date; by: Map<bigint, Set<string>> };
      by.set(2n, new Set());
      return { millis: BigInt(at.getTime()), by };
    };
    const next = await recover(placeOf(['seen'], { seen: { version: 1, convert } }), pointer);
    const expected = {
      millis: 5n,
      by: new Map([
        [1n, new Set(['x'])],
        [2n, new Set()],
      ]),
    };
    expect(valuesOf(next, 'seen')).toEqual({ a: expected });
  });

  it('is taken over from a former id as it is, where the shape is the same', async () => {
    const place = placeOf(['totals'], { totals: { formerId: ['sums', 'counts'] } });
    const log = await recover(place, await first());
    expect([valuesOf(log, 'totals'), log.unclaimed]).toEqual([{ a: 1, b: 3, c: 4 }, []]);
    expect(log.converted).toMatchObject([{ operator: 'totals', storedAs: 'counts', keys: 0 }]);
    const pointer = await commit(log, 'totals', { a: 2 });
    const next = await recover(place, pointer);
    expect([valuesOf(next, 'totals'), next.converted]).toEqual([{ a: 2, b: 3, c: 4 }, []]);
  });

  it('is what the children of a split shard inherit, and a merge of a converted shard and one that is not', async () => {
    const pointer = await first();
    const place = placeOf(['totals'], { totals: { formerId: 'counts', ...toSum } });
    const child = (shardId: string, inherited: ShardOpening['inherited'], hashKeyRange: ShardOpening['hashKeyRange']) =>
      place.inheritedLog(
        (id) => id,
        {
          streamName: 'lines',
          shardId,
          tenure: 1,
          checkpoint: positionOf(1n),
          parentShardIds: [],
          inherited,
          hashKeyRange,
        } as ShardOpening,
        never,
      );
    const parent = { shardId: 's0', state: pointer, hashKeyRange: range(0n, end) };
    const halves = await Promise.all([
      child('s1', [parent], range(0n, end / 2n)),
      child('s2', [parent], range(end / 2n + 1n, end)),
    ]);
    const both = Object.assign({}, ...halves.map((log) => valuesOf(log, 'totals'))) as Values;
    expect(both).toEqual({ a: { sum: 1 }, b: { sum: 3 }, c: { sum: 4 } });
    expect(halves[0]?.converted).toMatchObject([{ operator: 'totals', keys: 3 }]);
    const [lower] = halves;
    const committed = await commit(lower, 'totals', { z: { sum: 5 } });
    const other = await recoverAs('other');
    const merged = await child(
      's3',
      [
        { shardId: 's1', state: committed, hashKeyRange: range(0n, end / 2n) },
        { shardId: 'other', state: other, hashKeyRange: range(end / 2n + 1n, end) },
      ],
      range(0n, end),
    );
    expect(valuesOf(merged, 'totals')).toEqual({ ...valuesOf(lower, 'totals'), k: { sum: 7 } });
  });

  it('is converted again after going back to a version before it, and not after going back to one behind it', async () => {
    const place = placeOf(['counts'], { counts: toSum });
    const log = await recover(place, await first());
    await commit(log, 'counts', { a: { sum: 10 } });
    const pointer = parsePointer(await commit(log, 'counts', { a: { sum: 11 } }), 'lease s0');
    const where = { store, storeIdentity: await identityOf(store, random, never), application: 'app', random };
    const versions = await readVersions(where, pointer, never);
    const shown: unknown[] = [];
    for (const state of versions) {
      const { shards } = state.manifest;
      const fence = { kind: 'tenure', number: 2 } as const;
      const before = { batchId: pointer.batchId, lineage: pointer.lineage };
      const back = { group: 's0', scope: 'shard', last: versions.at(-1), before, shards, state, fence } as const;
      const next = await recover(place, await writeRelocation(where, back, never));
      shown.push([valuesOf(next, 'counts')['a'], next.converted.length]);
    }
    expect(shown).toEqual([
      [{ sum: 1 }, 1],
      [{ sum: 1 }, 1],
      [{ sum: 10 }, 0],
      [{ sum: 11 }, 0],
    ]);
  });

  /** A shard with a state of its own, of the first program. */
  async function recoverAs(group: string): Promise<string> {
    const log = await placeOf(['counts']).logOf(group, undefined, `lease ${group}`, never);
    return commit(log, 'counts', { k: 7 });
  }
});

describe('state that cannot be converted', () => {
  it('is left as it is when the function fails, with the operator and how many keys', async () => {
    const pointer = await first();
    const before = [...(await store.list('', never))];
    const convert: StateConversion['convert'] = (stored, { key }) => {
      if (key === 'b') throw new TypeError('no such town');
      return key === 'c' ? Promise.resolve(stored) : stored;
    };
    const failing = recover(placeOf(['totals'], { totals: { formerId: 'counts', version: 1, convert } }), pointer);
    await expect(failing).rejects.toMatchObject({ code: 'MR_STATE_INVALID', reaction: 'fatal' });
    await expect(failing).rejects.toThrow(
      /convertState\.totals\.convert failed for 2 of 3 keys of the state that is stored as counts, first for "b": no such town/,
    );
    expect(await store.list('', never)).toEqual(before);
    expect(valuesOf(await recover(placeOf(['counts']), pointer), 'counts')).toEqual({ a: 1, b: 3, c: 4 });
  });

  it('is refused by a program that is older than it, and by one that lost its function', async () => {
    const log = await recover(placeOf(['counts'], { counts: toSum }), await first());
    const pointer = await commit(log, 'counts', { a: { sum: 2 } });
    const older = recover(placeOf(['counts']), pointer);
    await expect(older).rejects.toThrow(/MR_STATE_NEWER: .*operator counts has version 1, and the program says 0/);
    const kept = await recover(placeOf(['counts'], { counts: { version: 1 } }), pointer);
    expect(valuesOf(kept, 'counts')['a']).toEqual({ sum: 2 });
    const without = recover(placeOf(['counts'], { counts: { version: 2 } }), pointer);
    await expect(without).rejects.toThrow(/MR_STATE_INVALID: .*give convertState\.counts\.convert/);
  });

  it('is refused where one operator would take the state of two', async () => {
    const log = await recover(placeOf(['counts', 'sums']), undefined);
    await commit(log, 'counts', { a: 1 });
    const pointer = await commit(log, 'sums', { a: 1 });
    const both = recover(placeOf(['sums'], { sums: { formerId: 'counts' } }), pointer);
    await expect(both).rejects.toThrow(/MR_STATE_INVALID: operator sums would take the state of both/);
  });
});

describe('convertState of a context', () => {
  const program = (convertState: unknown) => {
    const context = new EngineContext({
      batchIntervalMillis: 1_000,
      state: memoryState(),
      convertState: convertState as Conversions,
    });
    const pairs = context.addInput('lines').mapToPair((record) => [record.partitionKey, 1]);
    pairs.updateStateByKey<number>('counts', (values) => values.length).foreachBatch(() => {});
    pairs.reduceByKeyAndWindow((a, b) => a + b, 2_000).foreachBatch(() => {});
    pairs.dedupeBy('once', ([key]) => key, { withinMillis: 1_000 }).foreachBatch(() => {});
    return context;
  };
  const convert = (stored: unknown) => stored;

  it.each([
    [{ totals: {} }, /convertState\.totals: the program has no such operator.*counts/],
    [{ counts: { formerId: 'once' } }, /convertState\.counts: its former id once is still an operator/],
    [{ counts: { formerId: 'counts' } }, /its former id counts is still an operator/],
    [
      { counts: { formerId: 'x' }, once: { formerId: ['y', 'x'] } },
      /convertState\.once: counts has the former id x, too/,
    ],
    [{ counts: { version: 1.5 } }, /convertState\.counts: version is 1\.5/],
    [{ counts: { version: -1 } }, /version is -1/],
    [{ counts: { convert } }, /convert needs a version of 1 or more/],
    [{ counts: { version: 1, convert: 'f' } }, /convert is no function/],
    [{ once: { version: 1, convert } }, /convertState\.once: the operator keeps no values by key/],
  ])('is refused before the start: %o', (given, message) => {
    expect(() => program(given).explain()).toThrow(message);
    const context = program(given);
    expect(() => context.seal()).toThrow('MR_CONFIG_INVALID: convertState.');
    expect(context.state).toBe('STOPPED');
  });

  it('is taken where it fits, also for a window without an id', () => {
    const [window] = [...program({}).preview().stateKeys.values()].filter((key) => key.includes('#'));
    const given = { counts: { formerId: 'x', version: 2, convert }, [String(window)]: { formerId: 'window#3' } };
    expect(program(given).seal().keepers).toHaveLength(3);
  });
});
