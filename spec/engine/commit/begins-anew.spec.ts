import { expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON, comparePositions, positionOf } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { InheritedState } from '../../../lib/block/shard-opening.ts';
import { CommitGroups } from '../../../lib/engine/commit/commit-groups.ts';
import { CommitPlace } from '../../../lib/engine/commit/commit-place.ts';
import type { GroupLog } from '../../../lib/engine/commit/group-log.ts';
import { type Pointer, parsePointer } from '../../../lib/engine/commit/pointer.ts';
import { writeRelocation } from '../../../lib/engine/commit/relocate.ts';
import { readVersions } from '../../../lib/engine/commit/version-list.ts';
import type { Persistence } from '../../../lib/engine/persistence.ts';
import { keyedPersistence } from '../../../lib/engine/state/keyed-persistence.ts';
import { KeyedEdit, type KeyedState, initialKeyedState } from '../../../lib/engine/state/keyed-state.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { identityOf } from '../../../lib/engine/store/store-identity.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { BlockFeed } from '../feed.ts';

const never = new AbortController().signal;
const hashKeyRange = { startingHashKey: '0', endingHashKey: (2n ** 128n - 1n).toString() };

/** Commits a batch that sets one value; answers what the row holds. */
async function commit(log: GroupLog, shardId: string, value: number): Promise<string> {
  const batchId = (log.last?.batchId ?? 0) + 1;
  const edit = new KeyedEdit<string, unknown>(initialKeyedState(), batchId * 1_000);
  edit.set('key', value, undefined, true);
  const memory = new Map([['counts', edit.next()]]);
  const shards = [{ shardId, streamName: 'lines', position: positionOf(BigInt(batchId)) }];
  const fence = { kind: 'tenure', number: 1 } as const;
  const times = { batchTimeMillis: batchId * 1_000, zeroTimeMillis: 0 };
  const prepared = await log.prepare({ batchId, ...times, fence, shards, memory }, never);
  log.noteCommitted(prepared);
  return prepared.pointer;
}

it('a shard whose parent was taken back begins with what that leaves now, and goes on with its batch ids', async () => {
  const store = new MemoryStore();
  const random = seededRandom(5);
  const codecs = new Map([['counts', keyedPersistence({ tag: 'byKey' }) as Persistence]]);
  const place = new CommitPlace({ store, application: 'app', scope: 'shard', codecs, random });
  const logOf = (group: string, pointer?: string) => place.logOf(group, pointer, `lease ${group}`, never);
  const parent = await logOf('parent');
  const atFirst = await commit(parent, 'parent', 1);
  const child = await logOf('child', undefined);
  await commit(child, 'child', 10);
  const before = parsePointer(await commit(child, 'child', 11), 'lease child');

  const where = { store, storeIdentity: await identityOf(store, random, never), application: 'app', random };
  const last = (await readVersions(where, before, never)).at(-1);
  const shards = [{ shardId: 'child', streamName: 'lines', position: TRIM_HORIZON }];
  const anew = { group: 'child', scope: 'shard', last, before, shards, state: undefined, anew: 'VOID' } as const;
  const state = await writeRelocation(where, { ...anew, fence: { kind: 'tenure', number: 2 } }, never);
  // The parent is read to its end once more, and leaves something else.
  const now = await commit(await logOf('parent', atFirst), 'parent', 2);

  const groups = new CommitGroups({ place, events: new EventBus(), zeroTimeMillis: () => 0, isPlacedByKey: false });
  const opening = { streamName: 'lines', shardId: 'child', tenure: 3, checkpoint: TRIM_HORIZON, hashKeyRange, state };
  const inherited = [{ shardId: 'parent', state: now, hashKeyRange }];
  const source = { commit: async () => 'committed' as const };
  const line = await groups.ofShard('child', { ...opening, parentShardIds: ['parent'], inherited }, source, never);
  expect([...(line.memory.get('counts') as KeyedState).entries].map(([key, { value }]) => [key, value])).toEqual([
    ['key', 2],
  ]);
  expect([line.batchId, line.voided]).toEqual([3, [{ from: 1, through: 3 }]]);
  const start = line.open({ shardId: 'child', streamName: 'lines', tenure: 3, fallback: TRIM_HORIZON });
  expect(comparePositions(start.position, TRIM_HORIZON)).toBe(0);
});

it('a shard whose parent has committed state that nothing names is refused, and never begins with none', async () => {
  const store = new MemoryStore();
  const codecs = new Map([['counts', keyedPersistence({ tag: 'byKey' }) as Persistence]]);
  const place = new CommitPlace({ store, application: 'app', scope: 'shard', codecs, random: seededRandom(5) });
  await commit(await place.logOf('parent', undefined, 'lease parent', never), 'parent', 1);
  const opening = { streamName: 'lines', shardId: 'child', tenure: 3, checkpoint: TRIM_HORIZON, hashKeyRange };
  const inherit = (parentShardIds: readonly string[]) =>
    place.inheritedLog((shardId) => shardId, { ...opening, parentShardIds, inherited: [] }, never);
  await expect(inherit(['parent'])).rejects.toMatchObject({
    code: 'MR_STATE_UNREACHABLE',
    message: expect.stringContaining(
      'parent has committed state here, and neither its lease nor those of its children',
    ),
  });
  // One that never committed anything leaves nothing.
  expect([...(await inherit(['idle'])).memory.keys()]).toEqual([]);
});

it('a version that its holder is about to remove can be seen by nobody any more, though it is still there', async () => {
  const store = new MemoryStore();
  const random = seededRandom(5);
  const codecs = new Map([['counts', keyedPersistence({ tag: 'byKey' }) as Persistence]]);
  const place = new CommitPlace({ store, application: 'app', scope: 'shard', codecs, random, retainedVersions: 2 });
  const log = await place.logOf('shard', undefined, 'lease shard', never);
  const texts: string[] = [];
  // Its garbage is not removed: the holder stands still just before.
  for (const value of [1, 2, 3, 4]) texts.push(await commit(log, 'shard', value));
  const where = { store, storeIdentity: await identityOf(store, random, never), application: 'app', random };
  const idsAt = async (text: string) => {
    const versions = await readVersions(where, parsePointer(text, 'lease shard'), never);
    return versions.map(({ manifest }) => manifest.batchId);
  };
  expect([await idsAt(texts[3] as string), await idsAt(texts[0] as string)]).toEqual([[3, 4], [1]]);
  const last = (await readVersions(where, parsePointer(texts[3] as string, 'lease shard'), never)).at(-1);
  const before = parsePointer(texts[3] as string, 'lease shard');
  const shards = [{ shardId: 'shard', streamName: 'lines', position: positionOf(4n) }];
  const back = { group: 'shard', scope: 'shard', last, before, shards, state: last } as const;
  // Who goes back keeps as many.
  expect(await idsAt(await writeRelocation(where, { ...back, fence: { kind: 'tenure', number: 2 } }, never))).toEqual([
    4, 5,
  ]);
});

it.each([
  ['goes on with an earlier state', 'its windows stand at other times, which are written down once', undefined],
  ['begins anew', 'what its parents left is written down once', 'VOID' as const],
])('a group that %s writes its first version, though it changes nothing: %s', async (_, __, anew) => {
  const store = new MemoryStore();
  const random = seededRandom(5);
  const codecs = new Map([['counts', keyedPersistence({ tag: 'byKey' }) as Persistence]]);
  const place = new CommitPlace({ store, application: 'app', scope: 'shard', codecs, random });
  const log = await place.logOf('shard', undefined, 'lease shard', never);
  await commit(log, 'shard', 1);
  const before = parsePointer(await commit(log, 'shard', 2), 'lease shard');
  const where = { store, storeIdentity: await identityOf(store, random, never), application: 'app', random };
  const [first, last] = await readVersions(where, before, never);
  const shards = [{ shardId: 'shard', streamName: 'lines', position: positionOf(1n) }];
  const state = anew === undefined ? first : undefined;
  const back = { group: 'shard', scope: 'shard', last, before, shards, state, ...(anew && { anew }) } as const;
  const text = await writeRelocation(where, { ...back, fence: { kind: 'tenure', number: 2 } }, never);
  const next = await place.logOf('shard', text, 'lease shard', never);
  const batch = {
    batchId: 4,
    batchTimeMillis: 9_000,
    zeroTimeMillis: 0,
    fence: { kind: 'tenure', number: 3 },
  } as const;
  const prepared = await next.prepare({ ...batch, shards, memory: next.memory }, never);
  expect(prepared.named.manifest.batchId).toBe(4);
  next.noteCommitted(prepared);
  // Afterwards a batch that changes nothing is committed by its pointer alone.
  const idle = { ...batch, batchId: 5, batchTimeMillis: 10_000, shards, memory: next.memory };
  expect((await next.prepare(idle, never)).named.manifest.batchId).toBe(4);
});

it('a child takes over what its parents had still to remove, of all of them, and its rows say when it stands alone', async () => {
  const store = new MemoryStore();
  const random = seededRandom(5);
  const place = new CommitPlace({
    store,
    application: 'app',
    scope: 'shard',
    codecs: new Map(),
    random,
    retainedVersions: 2,
  });
  const half = 2n ** 127n;
  const rangeOf = (from: bigint, through: bigint) => ({
    startingHashKey: String(from),
    endingHashKey: String(through),
  });
  const ranges = { left: rangeOf(0n, half - 1n), right: rangeOf(half, 2n * half - 1n) };
  const end = async (shardId: 'left' | 'right', before: string): Promise<InheritedState> => {
    const log = await place.logOf(shardId, undefined, `lease ${shardId}`, never);
    const prepared = await log.prepare(
      {
        batchId: 1,
        batchTimeMillis: shardId === 'left' ? 2_000 : 1_000,
        zeroTimeMillis: 0,
        memory: new Map(),
        fence: { kind: 'tenure', number: 1 },
        shards: [{ shardId, streamName: 'lines', position: SHARD_END }],
        ended: [{ shardId: before, hashKeyRange: ranges[shardId] }],
      },
      never,
    );
    return { shardId, state: prepared.pointer, hashKeyRange: ranges[shardId] };
  };
  const opening = {
    streamName: 'lines',
    shardId: 'merged',
    tenure: 3,
    checkpoint: TRIM_HORIZON,
    hashKeyRange,
    parentShardIds: ['left', 'right'],
    inherited: [await end('left', 'older'), await end('right', 'oldest')],
  };
  const heirRows = async () => [];
  const groups = new CommitGroups({
    place,
    heirRows,
    events: new EventBus(),
    zeroTimeMillis: () => 0,
    isPlacedByKey: false,
  });
  const pointers: Pointer[] = [];
  const source = {
    commit: async (_: unknown, written?: { readonly state?: string }) => {
      pointers.push(parsePointer(written?.state ?? '', 'the row'));
      return 'committed' as const;
    },
  };
  const line = await groups.ofShard('merged', opening, source, never);
  line.open({ shardId: 'merged', streamName: 'lines', tenure: 3, fallback: TRIM_HORIZON });
  const feed = new BlockFeed();
  const named: (readonly string[] | undefined)[] = [];
  for (let batchId = 1; batchId <= 3; batchId += 1) {
    const blocks = [line.admit(feed.push('merged', ['x'], { tenure: 3 }))].filter((block) => block !== undefined);
    const batch = { batchId, batchTimeMillis: 10_000 + batchId, blocks, memory: new Map() };
    const prepared = await line.prepare(batch, never);
    await line.commit(prepared, blocks, never);
    await line.settled();
    named.push(prepared.named.manifest.ended?.map(({ shardId }) => shardId));
  }
  // The store has nothing of the two before the parents.
  expect(named).toEqual([
    ['left', 'right', 'older', 'oldest'],
    ['left', 'right'],
    ['left', 'right'],
  ]);
  expect(pointers.map(({ standsAlone }) => standsAlone)).toEqual([undefined, undefined, true]);
});
