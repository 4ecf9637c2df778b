import { describe, expect, it } from 'vitest';
import { type Position, SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { CommitLine, type CommitLineOptions } from '../../../lib/engine/commit/commit-line.ts';
import { GroupLog } from '../../../lib/engine/commit/group-log.ts';
import { KeyPlacement } from '../../../lib/engine/commit/key-placement.ts';
import { parsePointer } from '../../../lib/engine/commit/pointer.ts';
import { emptyMemory } from '../../../lib/engine/memory.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { identityOf } from '../../../lib/engine/store/store-identity.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import type { EventOf, MillraceEvent } from '../../../lib/event/event.ts';
import { BlockFeed } from '../feed.ts';

const { signal } = new AbortController();

/** A line of one epoch; every further one goes on from what was committed last. */
async function newBench() {
  const store = new MemoryStore();
  const random = seededRandom(3);
  const storeIdentity = await identityOf(store, random, signal);
  const events = new EventBus();
  const seen: MillraceEvent[] = [];
  events.subscribe((event) => seen.push(event));
  let pointer: string | undefined;
  const group = 'application';
  const options = { store, storeIdentity, application: 'counts', group, scope: 'application', random } as const;
  const rest = { codecs: new Map(), snapshotIntervalBatches: 10, retainedVersions: 3, breathe: () => undefined };
  const logOptions = { ...options, ...rest };
  const line = async (more: Partial<CommitLineOptions> = {}) => {
    const log =
      pointer === undefined
        ? GroupLog.begin(logOptions)
        : await GroupLog.recover(logOptions, parsePointer(pointer, 'the row'), signal);
    return new CommitLine({
      application: 'counts',
      group,
      log,
      fence: { kind: 'epoch', number: 1 },
      events,
      zeroTimeMillis: 0,
      write: async (commit) => {
        ({ pointer } = commit);
        return 'committed';
      },
      ...more,
    });
  };
  const commit = async (of: CommitLine, blocks: Parameters<CommitLine['commit']>[1]) => {
    const batchId = of.batchId + 1;
    const prepared = await of.prepare({ batchId, batchTimeMillis: batchId * 100, blocks, memory: emptyMemory }, signal);
    await of.commit(prepared, blocks, signal);
    await of.settled();
    return prepared.named.manifest;
  };
  return { line, commit, seen, events };
}

const shard = (shardId: string, fallback: Position = TRIM_HORIZON) => ({
  shardId,
  streamName: 'lines',
  tenure: 1,
  fallback,
});
const faultsOf = (seen: readonly MillraceEvent[]) =>
  seen.filter((event): event is EventOf<'fault.seen'> => event.type === 'fault.seen').map(({ code }) => code);

describe('a shard that is opened', () => {
  it('is read from the commit, and not from its lease, which somebody else has moved on', async () => {
    const { line, commit, seen } = await newBench();
    const feed = new BlockFeed();
    const first = await line();
    first.open(shard('a'));
    await commit(first, [first.admit(feed.push('a', ['x', 'y']))!]);
    expect((await line()).open(shard('a', TRIM_HORIZON)).position).toEqual(positionOf(101n));
    expect(faultsOf(seen)).toEqual([]);
    expect((await line()).open(shard('a', positionOf(500n))).position).toEqual(positionOf(101n));
    expect(faultsOf(seen)).toEqual(['MR_FOREIGN_WORKER']);
    // In shard scope the lease and the commit are one write.
    const own = await line({ fence: { kind: 'tenure', number: 2 } });
    expect(own.open(shard('a', TRIM_HORIZON)).position).toEqual(positionOf(101n));
    expect(faultsOf(seen)).toEqual(['MR_FOREIGN_WORKER', 'MR_FOREIGN_WORKER']);
  });

  it('may begin at its beginning alone when no commit knows it, once there are commits', async () => {
    const { line, commit } = await newBench();
    const first = await line();
    // Before the first commit a lease may come from a plain consumer.
    expect(first.open(shard('a', positionOf(7n))).position).toEqual(positionOf(7n));
    await commit(first, []);
    const second = await line();
    expect(second.open(shard('b')).position).toEqual(TRIM_HORIZON);
    expect(() => second.open(shard('c', positionOf(7n)))).toThrow(
      'MR_POSITION_HOLE: the lease of shard c is at 7:0, and the last commit of the application does not know the shard',
    );
  });
});

describe('the first commit of an application whose leases are past their beginning', () => {
  it('takes over all of them, also those that are opened only after it', async () => {
    const { line, commit } = await newBench();
    const [one, two] = [positionOf(7n), positionOf(9n)];
    const leased = [
      { shardId: 'a', streamName: 'lines', position: one },
      { shardId: 'b', streamName: 'lines', position: two },
    ];
    const first = await line({ leased });
    // Its old reader has come further meanwhile.
    first.open(shard('a', positionOf(8n)));
    const { shards } = await commit(first, []);
    expect(shards.map(({ shardId, position }) => [shardId, position])).toEqual([
      ['a', positionOf(8n)],
      ['b', two],
    ]);
    expect(first.open(shard('b', two)).position).toEqual(two);
    // They say nothing any more once there is a commit.
    expect(() => first.open(shard('c', one))).toThrow('MR_POSITION_HOLE');
  });
});

describe('a shard whose end is committed', () => {
  it('stays in the manifest until its lease says so, too', async () => {
    const { line, commit } = await newBench();
    const feed = new BlockFeed();
    const confirmed = new Set<string>();
    let asked = 0;
    const confirmEnded: CommitLineOptions['confirmEnded'] = async (shards) => {
      asked += 1;
      return shards.filter(({ shardId }) => confirmed.has(shardId));
    };
    const first = await line({ confirmEnded });
    for (const key of ['a', 'b']) first.open(shard(key));
    const names = (manifest: { shards: readonly { shardId: string }[] }) =>
      manifest.shards.map(({ shardId }) => shardId);
    const ended = await commit(first, [first.admit(feed.push('a', ['x'], { last: true }))!]);
    expect(ended.shards.find(({ shardId }) => shardId === 'a')?.position).toEqual(SHARD_END);
    expect(names(await commit(first, []))).toContain('a');
    confirmed.add('a');
    for (let batch = 0; batch < 60; batch += 1) await commit(first, []);
    expect(names(await commit(first, []))).toEqual(['b']);
    // The rows are looked at rarely.
    expect(asked).toBe(2);
    const second = await line({ confirmEnded });
    expect(second.open(shard('b')).position).toEqual(TRIM_HORIZON);
  });
});

describe('a record whose key is of another shard', () => {
  const lowerHalf = { startingHashKey: '0', endingHashKey: ((1n << 127n) - 1n).toString() };
  // MD5 of "a" begins with 0c, that of "b" with 92.
  const placed = { ...shard('a'), hashKeyRange: lowerHalf };

  it('ends the run before anything of its block is taken', async () => {
    const { line, events, seen } = await newBench();
    const feed = new BlockFeed();
    const own = await line({ placement: new KeyPlacement('FAIL', events) });
    own.open(placed);
    expect(own.admit(feed.push('a', ['a']))?.records).toHaveLength(1);
    const block = feed.push('a', ['a', 'b']);
    expect(() => own.admit(block)).toThrow('MR_KEY_NOT_PLACED: record 102 of shard a has a partition key');
    expect(() => own.admit(block)).toThrow('MR_KEY_NOT_PLACED');
    expect(faultsOf(seen)).toEqual([]);
    // So is the part of a block whose head was accepted before.
    const { range } = block;
    const straddling = { ...block, range: { ...range, after: TRIM_HORIZON } };
    expect(() => own.admit(straddling)).toThrow('MR_KEY_NOT_PLACED: record 102 of shard a');
  });

  it('is taken and told of, once, where that is allowed', async () => {
    const { line, events, seen } = await newBench();
    const feed = new BlockFeed();
    const own = await line({ placement: new KeyPlacement('WARN', events) });
    own.open(placed);
    expect(own.admit(feed.push('a', ['b', 'b', 'e']))?.records).toHaveLength(3);
    expect(own.admit(feed.push('a', ['b']))?.records).toHaveLength(1);
    expect(faultsOf(seen)).toEqual(['MR_KEY_NOT_PLACED']);
  });

  it('is not looked for where nothing tells the part of the shard', async () => {
    const { line, events } = await newBench();
    const own = await line({ placement: new KeyPlacement('FAIL', events) });
    own.open(shard('a'));
    expect(own.admit(new BlockFeed().push('a', ['b']))?.records).toHaveLength(1);
  });
});
