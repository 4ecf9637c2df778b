import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { positionOf } from '../../../lib/base/position.ts';
import { type Random, seededRandom } from '../../../lib/base/random.ts';
import { GroupLog, type GroupLogOptions } from '../../../lib/engine/commit/group-log.ts';
import type { Prepared } from '../../../lib/engine/commit/prepared.ts';
import type { MemoryCodec } from '../../../lib/engine/commit/memory-codec.ts';
import { groupPrefix } from '../../../lib/engine/commit/object-names.ts';
import { parsePointer } from '../../../lib/engine/commit/pointer.ts';
import type { Memory } from '../../../lib/engine/memory.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { identityOf } from '../../../lib/engine/store/store-identity.ts';

type Counts = ReadonlyMap<string, number>;

/** Counts by word, written down as pairs; what is gone is a pair with `null`. */
const counts: MemoryCodec<Counts> = {
  snapshot: (memory) => [[...memory]],
  changes(before, after) {
    const changed: [string, number | null][] = [];
    for (const [word, count] of after) if (before.get(word) !== count) changed.push([word, count]);
    for (const word of before.keys()) if (!after.has(word)) changed.push([word, null]);
    return changed.length === 0 ? [] : [changed];
  },
  restore(snapshot, changes) {
    const memory = new Map<string, number>();
    for (const [word, count] of [...snapshot, ...changes].flat() as [string, number | null][]) {
      if (count === null) memory.delete(word);
      else memory.set(word, count);
    }
    return memory;
  },
};

/** One number, which has no changes: it is always written whole. */
const total: MemoryCodec<number> = {
  snapshot: (memory) => [memory],
  changes: () => undefined,
  restore: (snapshot, changes) => {
    expect([snapshot.length, changes.length]).toEqual([1, 0]);
    return snapshot[0] as number;
  },
};

const never = new AbortController().signal;
const codecs = new Map<string, MemoryCodec>([
  ['counts', counts],
  ['total', total],
]);
const memoryOf = (words: Counts): Memory =>
  new Map<string, unknown>([
    ['counts', words],
    ['total', [...words.values()].reduce((sum, count) => sum + count, 0)],
  ]);

let store: MemoryStore;
let random: Random;

beforeEach(() => {
  store = new MemoryStore();
  random = seededRandom(5);
});

async function options(changes: Partial<GroupLogOptions> = {}): Promise<GroupLogOptions> {
  return {
    store,
    storeIdentity: await identityOf(store, random, never),
    application: 'counts',
    group: 'shard-0',
    scope: 'shard',
    codecs,
    snapshotIntervalBatches: 4,
    retainedVersions: 3,
    random,
    breathe: () => undefined,
    ...changes,
  };
}

function prepare(log: GroupLog, words: Counts, tenure = 1): Promise<Prepared> {
  const batchId = (log.last?.batchId ?? 0) + 1;
  return log.prepare(
    {
      batchId,
      batchTimeMillis: batchId * 1_000,
      zeroTimeMillis: 0,
      fence: { kind: 'tenure', number: tenure },
      shards: [{ shardId: 'shard-0', streamName: 'lines', position: positionOf(BigInt(batchId)) }],
      memory: memoryOf(words),
    },
    never,
  );
}

async function commit(log: GroupLog, words: Counts, tenure = 1): Promise<string> {
  const prepared = await prepare(log, words, tenure);
  await log.remove(log.noteCommitted(prepared), never);
  if (log.isListingDue) await log.remove(await log.findOrphans(never), never);
  return prepared.pointer;
}

const recover = async (pointer: string, changes: Partial<GroupLogOptions> = {}) =>
  GroupLog.recover(await options(changes), parsePointer(pointer, 'lease shard-0'), never);

const words = (...entries: [string, number][]): Counts => new Map(entries);
const listed = () => store.list(groupPrefix('counts', 'shard-0'), never);

describe('the log of a commit group', () => {
  it('gives back the last committed version, whatever was prepared beside it', async () => {
    const log = GroupLog.begin(await options());
    await commit(log, words(['a', 1]));
    const pointer = await commit(log, words(['a', 1], ['b', 2]));
    await prepare(log, words(['a', 9]));
    const next = await recover(pointer);
    expect(next.memory).toEqual(memoryOf(words(['a', 1], ['b', 2])));
    expect(next.last).toMatchObject({ batchId: 2, batchTimeMillis: 2_000 });
  });

  it('writes one object for a batch', async () => {
    const log = GroupLog.begin(await options({ retainedVersions: 100 }));
    for (let batch = 1; batch <= 9; batch += 1) {
      await commit(log, words(['a', batch]));
      expect(await listed()).toHaveLength(batch);
    }
  });

  it('writes what changed between snapshots, and needs no more than the last snapshot', async () => {
    const log = GroupLog.begin(await options({ snapshotIntervalBatches: 3 }));
    const own: (string | undefined)[] = [];
    for (let batch = 1; batch <= 7; batch += 1) {
      await commit(log, words(['a', batch]));
      own.push(log.last?.state?.own);
      expect(log.last?.state?.chain.length).toBe((batch - 1) % 3);
    }
    expect(own).toEqual(['snapshot', 'changes', 'changes', 'snapshot', 'changes', 'changes', 'snapshot']);
  });

  it('comes back as it was left after any run of commits, failed batches and new holders', async () => {
    const step = fc.record({
      changes: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.option(fc.nat(9))), { maxLength: 3 }),
      fate: fc.constantFrom('commit', 'commit', 'commit', 'fail', 'restart', 'zombie'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, snapshotIntervalBatches, retainedVersions) => {
          store = new MemoryStore();
          const given = { snapshotIntervalBatches, retainedVersions };
          let log = GroupLog.begin(await options(given));
          let state: Counts = new Map();
          let pointer: string | undefined;
          let tenure = 1;
          for (const { changes, fate } of steps) {
            const next = new Map(state);
            for (const [word, count] of changes) {
              if (count === null) next.delete(word);
              else next.set(word, count);
            }
            if (fate === 'fail' || fate === 'zombie') await prepare(log, next, fate === 'zombie' ? tenure - 1 : tenure);
            else if (fate === 'commit') {
              pointer = await commit(log, next, tenure);
              state = next;
            } else if (pointer !== undefined) {
              tenure += 1;
              log = await recover(pointer, given);
            }
            if (pointer !== undefined) expect((await recover(pointer, given)).memory).toEqual(memoryOf(state));
          }
          if (pointer === undefined) return;
          // The next holder's first commit removes what nobody can ever commit; little is left.
          const last = await recover(pointer, given);
          await commit(last, state, tenure + 1);
          expect((await listed()).length).toBeLessThanOrEqual(retainedVersions + snapshotIntervalBatches);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps the last versions whole, and nothing else', async () => {
    const log = GroupLog.begin(await options());
    const pointers: string[] = [];
    for (let batch = 1; batch <= 30; batch += 1) pointers.push(await commit(log, words(['a', batch])));
    for (const [back, pointer] of pointers.slice(-3).entries()) {
      expect((await recover(pointer)).memory).toEqual(memoryOf(words(['a', 28 + back])));
    }
    await expect(recover(pointers[10] ?? '')).rejects.toMatchObject({ code: 'MR_STATE_UNREACHABLE' });
    expect((await listed()).length).toBeLessThanOrEqual(3 + 3);
  });

  it('is never taken for empty: another store, a lost object and a changed one are errors by name', async () => {
    const log = GroupLog.begin(await options());
    const pointer = await commit(log, words(['a', 1]));
    await expect(recover(pointer, { storeIdentity: 'other' })).rejects.toThrow(/MR_STATE_UNREACHABLE.*store.*other/);
    await expect(recover(pointer, { application: 'else' })).rejects.toMatchObject({ code: 'MR_STATE_FOREIGN' });
    const name = parsePointer(pointer, '').manifest;
    const bytes = await store.read(name, never);
    await store.remove(name, never);
    await expect(recover(pointer)).rejects.toThrow(/MR_STATE_UNREACHABLE.*is named by the last commit/);
    const changed = Buffer.from(bytes ?? []);
    changed[changed.length - 3] = (changed.at(-3) ?? 0) ^ 1;
    await store.create(name, changed, never);
    await expect(recover(pointer)).rejects.toMatchObject({ code: 'MR_STATE_DAMAGED' });
    store = new MemoryStore();
    await expect(recover(pointer)).rejects.toMatchObject({ code: 'MR_STATE_UNREACHABLE' });
  });

  it('tells of state that no operator of the plan has, and starts new operators without any', async () => {
    const log = GroupLog.begin(await options());
    const pointer = await commit(log, words(['a', 1]));
    const renamed = new Map<string, MemoryCodec>([
      ['renamed', counts],
      ['total', total],
    ]);
    const next = await recover(pointer, { codecs: renamed });
    expect(next.unclaimed).toEqual(['counts']);
    expect([...next.memory]).toEqual([['total', 1]]);
    // The first version without it is whole; those after it need not be.
    await commit(next, words(['a', 2]));
    expect(next.last?.state).toMatchObject({ own: 'snapshot', operators: ['renamed', 'total'] });
    await commit(next, words(['a', 3]));
    expect(next.last?.state?.own).toBe('changes');
  });

  it('does not remove what it cannot know to be garbage, when an older version cannot be read', async () => {
    const log = GroupLog.begin(await options({ snapshotIntervalBatches: 1 }));
    const first = parsePointer(await commit(log, words(['a', 1])), '').manifest;
    const second = parsePointer(await commit(log, words(['a', 2])), '').manifest;
    const pointer = await commit(log, words(['a', 3]));
    await store.remove(second, never);
    const next = await recover(pointer, { snapshotIntervalBatches: 1 });
    expect(next.last?.batchId).toBe(3);
    await commit(next, words(['a', 4]));
    expect(next.isListingDue).toBe(false);
    // It is reached by no manifest that can be read, and still belongs to a version that is kept.
    expect(await listed()).toContain(first);
  });
});

describe('the identity of a store', () => {
  it('is made once, whoever asks first, and is another one elsewhere', async () => {
    const ids = await Promise.all([1, 2, 3].map((seed) => identityOf(store, seededRandom(seed), never)));
    expect(new Set(ids).size).toBe(1);
    expect(await identityOf(new MemoryStore(), seededRandom(9), never)).not.toBe(ids[0]);
  });
});
