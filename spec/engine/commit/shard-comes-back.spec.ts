import { beforeEach, describe, expect, it } from 'vitest';
import { TRIM_HORIZON, comparePositions, formatPosition, positionOf } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { CommitOutcome } from '../../../lib/block/block-source.ts';
import type { Range } from '../../../lib/block/range.ts';
import { CommitLine } from '../../../lib/engine/commit/commit-line.ts';
import { GroupLog } from '../../../lib/engine/commit/group-log.ts';
import { emptyMemory } from '../../../lib/engine/memory.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { BlockFeed } from '../feed.ts';

const never = new AbortController().signal;

let feed: BlockFeed;
let line: CommitLine;
let outcome: CommitOutcome;

beforeEach(() => {
  feed = new BlockFeed();
  outcome = 'committed';
  line = new CommitLine({
    application: 'counts',
    group: 'application',
    log: GroupLog.begin({
      store: new MemoryStore(),
      storeIdentity: 'a store',
      application: 'counts',
      group: 'application',
      scope: 'application',
      codecs: new Map(),
      snapshotIntervalBatches: 10,
      retainedVersions: 10,
      random: seededRandom(1),
      breathe: () => undefined,
    }),
    fence: { kind: 'epoch', number: 1 },
    events: new EventBus(),
    zeroTimeMillis: 0,
    write: async () => outcome,
  });
});

const open = (tenure: number) => line.open({ shardId: 'shard-a', streamName: 'lines', tenure, fallback: TRIM_HORIZON });

/** Commits a batch of these blocks. */
async function commit(batchId: number, blocks: Parameters<CommitLine['commit']>[1]): Promise<CommitOutcome> {
  const batch = { batchId, batchTimeMillis: batchId * 1_000, blocks, memory: emptyMemory };
  return line.commit(await line.prepare(batch, never), blocks, never);
}

const through = (ranges: readonly Range[]) => ranges.map((range) => formatPosition(range.through));

describe('a shard that comes back within one epoch', () => {
  it('is read from what is committed, so that its row is never ahead of the commits', async () => {
    open(1);
    const [first, second] = [feed.push('shard-a', ['a']), feed.push('shard-a', ['b'])];
    const [one, two] = [line.admit(first), line.admit(second)];
    expect([one, two]).toEqual([first, second]);
    await commit(1, [first]);
    // `second` is accepted, and in no commit yet.
    expect(comparePositions(open(2).position, first.range.through)).toBe(0);
  });

  it('has what it reads once more dropped, and told as finished when the first reading is committed', async () => {
    open(1);
    const first = feed.push('shard-a', ['a']);
    line.admit(first);
    open(2);
    const again = { ...first, tenure: 2, range: { ...first.range, tenure: 2 } };
    expect(line.admit(again)).toBeUndefined();
    expect(line.takeSeen()).toEqual([]);
    outcome = 'lost';
    expect(await commit(1, [first])).toBe('lost');
    expect(line.takeSeen()).toEqual([]);
    outcome = 'committed';
    expect(await commit(1, [first])).toBe('committed');
    expect(line.takeSeen()).toEqual([again.range]);
    expect(line.takeSeen()).toEqual([]);
  });

  it('takes nothing any more of its earlier tenure', () => {
    open(1);
    const late = feed.push('shard-a', ['a']);
    open(2);
    expect(line.admit(late)).toBeUndefined();
    expect(through(line.takeSeen())).toEqual([]);
    expect(line.admit({ ...late, tenure: 2, range: { ...late.range, tenure: 2 } })?.records).toHaveLength(1);
    expect(comparePositions(open(3).position, positionOf(1n))).toBeLessThan(0);
  });
});
