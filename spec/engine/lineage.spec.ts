import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { type Rig, startRig } from './harness.ts';

interface Failing {
  /** Tries of the output that fail, for the shard `a`. */
  readonly failures: number;
  readonly maximumRetryAttempts?: number;
}

/** A program whose output fails for one shard, with what it has shown. */
function failingFor({ failures, maximumRetryAttempts = -1 }: Failing): { rig: Rig; shown: string[] } {
  const shown: string[] = [];
  let left = failures;
  const rig = startRig(
    (stream) =>
      stream
        .map((record) => record.text())
        .foreachBatch((batch, { group }) => {
          if (group === 'a' && left > 0) {
            left -= 1;
            throw new Error('the table is away');
          }
          shown.push(`${group}: ${batch.collect().join(' ')}`);
        }),
    { maximumRetryAttempts, retryBackoff: { baseMillis: 10_000, capMillis: 10_000 } },
  );
  return { rig, shown };
}

/** A batch of shard `a` whose output fails, one that waits behind it, and a block that waits for a tick. */
async function threeBehind({ feed, clock }: Rig): Promise<void> {
  feed.push('a', ['a1']);
  await clock.advance(1_000);
  feed.push('a', ['a2', 'a3']);
  feed.push('a', ['a4']);
  await clock.advance(1_000);
  feed.push('a', ['a5']);
  feed.push('b', ['b1']);
}

describe('blocks that wait behind a batch which fails', () => {
  it('are dropped when another shard waits for memory, and read again, in order, when their turn comes', async () => {
    const { rig, shown } = failingFor({ failures: 2 });
    await threeBehind(rig);
    rig.feed.isShort = true;
    // The next try fails too: what waits by then is dropped.
    await rig.clock.advance(10_000);
    expect(rig.eventsOf('blocks.dropped')).toMatchObject([{ group: 'a', shardId: 'a', records: 3 }, { records: 1 }]);
    expect(shown).toEqual(['b: b1']);
    await rig.clock.advance(20_000);
    expect(shown).toEqual(['b: b1', 'a: a1', 'a: a2 a3 a4', 'a: a5']);
    expect(rig.feed.rereadTexts).toEqual(rig.feed.droppedTexts);
    expect(rig.eventsOf('batch.reread').map(({ blocks, records }) => [blocks, records])).toEqual([
      [2, 3],
      [1, 1],
    ]);
    // The events of a batch tell its records, in memory or not.
    expect(rig.eventsOf('batch.submitted').map(({ group, records }) => `${group} ${records}`)).toContain('a 3');
    const ofA = rig.eventsOf('batch.started').filter(({ group }) => group === 'a');
    expect(ofA.map(({ records }) => records)).toEqual([1, 3, 1]);
    expect(rig.feed.acked).toHaveLength(5);
  });

  it('stay while nobody waits for memory', async () => {
    const { rig, shown } = failingFor({ failures: 2 });
    await threeBehind(rig);
    await rig.clock.advance(40_000);
    expect(shown).toHaveLength(4);
    expect([rig.feed.droppedTexts, rig.feed.rereadTexts]).toEqual([[], []]);
  });

  it('are read again after a fault that passes', async () => {
    const { rig, shown } = failingFor({ failures: 2 });
    await threeBehind(rig);
    rig.feed.isShort = true;
    rig.feed.rereadFaults.push(new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer'));
    await rig.clock.advance(40_000);
    expect(shown).toEqual(['b: b1', 'a: a1', 'a: a2 a3 a4', 'a: a5']);
  });

  it('end the run when they are not there any more, and nothing of them is acknowledged', async () => {
    const { rig, shown } = failingFor({ failures: 2 });
    await threeBehind(rig);
    rig.feed.isShort = true;
    rig.feed.rereadFaults.push(new MillraceError('MR_POSITION_TRIMMED', 'past the retention'));
    await rig.clock.advance(40_000);
    await expect(rig.running).rejects.toThrow(/MR_POSITION_TRIMMED/);
    expect(shown).toEqual(['b: b1', 'a: a1']);
    expect(rig.feed.acked).toHaveLength(2);
  });

  it('are left to the next owner when the lease is lost before they are read again', async () => {
    const { rig, shown } = failingFor({ failures: 2 });
    await threeBehind(rig);
    rig.feed.isShort = true;
    await rig.clock.advance(10_000);
    rig.feed.lose('a');
    await rig.clock.advance(30_000);
    expect(shown).toEqual(['b: b1']);
    expect(rig.feed.rereadTexts).toEqual([]);
    expect(rig.eventsOf('batch.dropped').map(({ group, reason }) => `${group} ${reason}`)).toContain('a lost');
    expect(rig.feed.acked.map(({ shardId }) => shardId)).toEqual(['b']);
  });

  it('are never dropped where all shards wait for the same batch', async () => {
    let left = 2;
    const rig = startRig(
      (stream) =>
        stream.count().foreachBatch(() => {
          if (left-- > 0) throw new Error('the table is away');
        }),
      { maximumRetryAttempts: -1 },
    );
    rig.feed.isShort = true;
    await threeBehind(rig);
    await rig.clock.advance(40_000);
    expect(rig.feed.droppedTexts).toEqual([]);
    expect(rig.feed.acked).toHaveLength(5);
  });
});
