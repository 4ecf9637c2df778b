import { describe, expect, it } from 'vitest';
import { deferred } from '../../lib/base/service.ts';
import { startRig } from './harness.ts';

/** Outputs of a run as [group, batch id, batch time, texts]. */
type Seen = [string, number, number, string[]][];

function collecting(seen: Seen) {
  return (stream: Parameters<Parameters<typeof startRig>[0]>[0]) =>
    stream
      .map((record) => record.text())
      .foreachBatch((batch, { group }) => void seen.push([group, batch.id, batch.batchTimeMillis, batch.collect()]));
}

describe('the engine in shard scope', () => {
  it('gives each shard its own line, batches at the ticks and acks after the outputs', async () => {
    const seen: Seen = [];
    const rig = startRig(collecting(seen));
    rig.feed.push('shard-a', ['a1', 'a2']);
    await rig.clock.advance(400);
    rig.feed.push('shard-a', ['a3']);
    rig.feed.push('shard-b', ['b1']);
    await rig.clock.advance(599);
    expect(seen).toEqual([]);
    await rig.clock.advance(1);
    expect(seen).toEqual([
      ['shard-a', 1, 1_000, ['a1', 'a2', 'a3']],
      ['shard-b', 1, 1_000, ['b1']],
    ]);
    expect(rig.feed.ackedTexts.toSorted()).toEqual([
      'shard-a@1 (101:0, 102:0]',
      'shard-a@1 (TRIM_HORIZON, 101:0]',
      'shard-b@1 (TRIM_HORIZON, 100:0]',
    ]);
    await rig.engine.stop();
  });

  it('makes no batch for a shard without blocks, and numbers batches without gaps', async () => {
    const seen: Seen = [];
    const rig = startRig(collecting(seen));
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(3_000);
    rig.feed.push('shard-a', ['a2']);
    await rig.clock.advance(1_000);
    expect(seen).toEqual([
      ['shard-a', 1, 1_000, ['a1']],
      ['shard-a', 2, 4_000, ['a2']],
    ]);
    expect(rig.eventsOf('batch.completed')).toHaveLength(2);
    await rig.engine.stop();
  });

  it('does not let a slow shard hold the others, nor overtake itself', async () => {
    const slow = deferred();
    const order: string[] = [];
    const rig = startRig((stream) =>
      stream.foreachBatch(async (batch, { group }) => {
        order.push(`${group} begins ${batch.id}`);
        if (group === 'shard-a' && batch.id === 1) await slow.promise;
        order.push(`${group} ends ${batch.id}`);
      }),
    );
    rig.feed.push('shard-a', ['a1']);
    rig.feed.push('shard-b', ['b1']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a2']);
    rig.feed.push('shard-b', ['b2']);
    await rig.clock.advance(1_000);
    expect(order).toEqual([
      'shard-a begins 1',
      'shard-b begins 1',
      'shard-b ends 1',
      'shard-b begins 2',
      'shard-b ends 2',
    ]);
    slow.resolve();
    await rig.clock.advance(0);
    expect(order.slice(5)).toEqual(['shard-a ends 1', 'shard-a begins 2', 'shard-a ends 2']);
    await rig.engine.stop();
  });

  it('acknowledges the empty block that ends a shard', async () => {
    const seen: Seen = [];
    const rig = startRig(collecting(seen));
    rig.feed.push('shard-a', ['a1']);
    rig.feed.push('shard-a', [], { last: true });
    await rig.clock.advance(2_000);
    expect(seen).toEqual([['shard-a', 1, 1_000, ['a1']]]);
    expect(rig.feed.ackedTexts).toEqual(['shard-a@1 (TRIM_HORIZON, 100:0]', 'shard-a@1 (100:0, SHARD_END]']);
    await rig.engine.stop();
  });

  it('hands the batch its ranges and partitions', async () => {
    const seen: unknown[] = [];
    const rig = startRig((stream) =>
      stream.foreachBatch(
        (batch) =>
          void seen.push(
            batch.partitions,
            batch.ranges.map((range) => range.shardId),
          ),
      ),
    );
    rig.feed.push('shard-a', ['a1', 'a2']);
    rig.feed.push('shard-a', ['a3']);
    await rig.clock.advance(1_000);
    expect(seen).toEqual([2, ['shard-a', 'shard-a']]);
    await rig.engine.stop();
  });

  it('drops queued blocks of a lost lease and finishes the rest', async () => {
    const seen: Seen = [];
    const rig = startRig(collecting(seen));
    rig.feed.push('shard-a', ['a1']);
    rig.feed.push('shard-b', ['b1']);
    await rig.clock.advance(500);
    rig.feed.lose('shard-a');
    rig.feed.push('shard-a', ['a1 again'], { tenure: 2 });
    await rig.clock.advance(500);
    expect(seen.map(([group, , , texts]) => [group, texts])).toEqual([
      ['shard-a', ['a1 again']],
      ['shard-b', ['b1']],
    ]);
    expect(rig.feed.acked.map((range) => `${range.shardId}@${range.tenure}`)).toEqual(['shard-a@2', 'shard-b@1']);
    await rig.engine.stop();
  });

  it('does not begin a batch that was formed before its lease was lost', async () => {
    const gate = deferred();
    const seen: string[] = [];
    const rig = startRig((stream) =>
      stream
        .map((record) => record.text())
        .foreachBatch(async (batch) => {
          seen.push(...batch.collect());
          if (batch.id === 1) await gate.promise;
        }),
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a2']);
    await rig.clock.advance(1_000);
    rig.feed.lose('shard-a');
    gate.resolve();
    await rig.clock.advance(1_000);
    expect(seen).toEqual(['a1']);
    expect(rig.feed.acked).toHaveLength(1);
    await rig.engine.stop();
  });

  it('lets a begun batch finish when its lease is lost, and tells its output', async () => {
    const gate = deferred();
    const aborted: boolean[] = [];
    const rig = startRig((stream) =>
      stream.foreachBatch(async (_batch, { signal }) => {
        await gate.promise;
        aborted.push(signal.aborted);
      }),
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    rig.feed.lose('shard-a');
    gate.resolve();
    await rig.clock.advance(0);
    expect(aborted).toEqual([true]);
    expect(rig.feed.acked).toHaveLength(1);
    await rig.engine.stop();
  });

  it('keeps two streams apart by the name of their blocks', async () => {
    const seen: string[][] = [];
    const rig = startRig(
      (lines, clicks) =>
        lines
          .map((record) => `line ${record.text()}`)
          .union(clicks.map((record) => `click ${record.text()}`))
          .foreachBatch((batch, { group }) => void seen.push([group, ...batch.collect()])),
      { inputs: ['lines', 'clicks'] },
    );
    rig.feed.push('shard-0', ['x']);
    rig.feed.push('shard-0', ['y'], { streamName: 'clicks' });
    await rig.clock.advance(1_000);
    expect(seen).toEqual([
      ['lines:shard-0', 'line x'],
      ['clicks:shard-0', 'click y'],
    ]);
    rig.feed.push('shard-0', ['z'], { streamName: 'strangers' });
    await expect(rig.running).rejects.toThrow('MR_INTERNAL: block shard-0@1/3 is of stream "strangers"');
  });
});

describe('the engine in application scope', () => {
  it('puts all shards into one batch, and evaluates empty ones', async () => {
    const counts: [number, number, number[]][] = [];
    const rig = startRig((stream) =>
      stream.count().foreachBatch((batch) => void counts.push([batch.id, batch.batchTimeMillis, batch.collect()])),
    );
    rig.feed.push('shard-a', ['a1', 'a2']);
    rig.feed.push('shard-b', ['b1']);
    await rig.clock.advance(3_000);
    expect(counts).toEqual([
      [1, 1_000, [3]],
      [2, 2_000, [0]],
      [3, 3_000, [0]],
    ]);
    expect(rig.feed.acked.map((range) => range.shardId)).toEqual(['shard-a', 'shard-b']);
    expect(rig.eventsOf('batch.completed').map((event) => event.group)).toEqual(Array(3).fill('application'));
    await rig.engine.stop();
  });

  it('goes on counting after a shard has ended', async () => {
    const counts: [number, number][] = [];
    const rig = startRig((stream) =>
      stream.count().foreachBatch((batch) => void counts.push([batch.id, batch.collect()[0] ?? -1])),
    );
    rig.feed.push('shard-a', ['a1'], { last: true });
    await rig.clock.advance(3_000);
    rig.feed.push('shard-b', ['b1', 'b2']);
    await rig.clock.advance(1_000);
    expect(counts).toEqual([
      [1, 1],
      [2, 0],
      [3, 0],
      [4, 2],
    ]);
    await rig.engine.stop();
  });

  it('cuts a batch per tick also while an earlier one is running', async () => {
    const gate = deferred();
    const seen: [number, number, number][] = [];
    const rig = startRig((stream) =>
      stream.count().foreachBatch(async (batch) => {
        if (batch.id === 1) await gate.promise;
        seen.push([batch.id, batch.batchTimeMillis, batch.collect()[0] ?? -1]);
      }),
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_500);
    rig.feed.push('shard-a', ['a2', 'a3']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a4']);
    await rig.clock.advance(1_000);
    expect(seen).toEqual([]);
    gate.resolve();
    await rig.clock.advance(0);
    expect(seen).toEqual([
      [1, 1_000, 1],
      [2, 2_000, 2],
      [3, 3_000, 1],
    ]);
    await rig.engine.stop();
  });

  it('makes fewer and larger batches once a hundred wait, and loses none of their records', async () => {
    const gate = deferred();
    const sizes: number[] = [];
    const rig = startRig((stream) =>
      stream.count().foreachBatch(async (batch) => {
        if (batch.id === 1) await gate.promise;
        sizes.push(batch.collect()[0] ?? -1);
      }),
    );
    for (let second = 0; second < 150; second += 1) {
      rig.feed.push('shard-a', ['x']);
      await rig.clock.advance(1_000);
    }
    gate.resolve();
    await rig.clock.advance(1_000);
    expect(sizes).toHaveLength(1 + 100 + 1);
    expect(sizes.at(-1)).toBe(49);
    expect(rig.feed.acked).toHaveLength(150);
    await rig.engine.stop();
  });
});

describe('figures and printing', () => {
  it('publishes the scope at the start, and delays as Spark defines them', async () => {
    const rig = startRig((stream) => stream.foreachBatch(() => {}), { startWallMillis: 10_250 });
    rig.feed.push('shard-a', ['a1', 'a2']);
    rig.feed.push('shard-a', ['a3']);
    await rig.clock.advance(750);
    expect(rig.eventsOf('engine.started')).toEqual([
      {
        type: 'engine.started',
        batchIntervalMillis: 1_000,
        scope: 'shard',
        reason: 'no operator puts records of several shards together',
        outputs: [
          {
            output: expect.stringMatching(/^foreachBatch at engine\.spec\.ts:\d+$/),
            guarantee: 'atLeastOnce',
            reason: expect.stringContaining('batches are not committed'),
          },
        ],
      },
    ]);
    expect(rig.eventsOf('batch.completed')).toEqual([
      {
        type: 'batch.completed',
        group: 'shard-a',
        batchId: 1,
        batchTimeMillis: 11_000,
        records: 3,
        blocks: 2,
        schedulingDelayMillis: 0,
        processingDelayMillis: 0,
      },
    ]);
    await rig.engine.stop();
  });

  it('measures how long a batch waited and how long it took', async () => {
    const gate = deferred();
    const rig = startRig((stream) => stream.foreachBatch((batch) => (batch.id === 1 ? gate.promise : undefined)));
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_500);
    rig.feed.push('shard-a', ['a2']);
    await rig.clock.advance(1_700);
    gate.resolve();
    await rig.clock.advance(0);
    const delays = rig
      .eventsOf('batch.completed')
      .map(({ schedulingDelayMillis, processingDelayMillis }) => [schedulingDelayMillis, processingDelayMillis]);
    expect(delays).toEqual([
      [0, 2_200],
      [1_200, 0],
    ]);
    await rig.engine.stop();
  });

  it('prints dots for an eleventh item, and takes the output of the context before that of the run', async () => {
    const written: string[] = [];
    const rig = startRig((stream) => stream.map((r) => r.text()).print(), {
      context: { output: { write: (text) => written.push(text) } },
      output: { write: () => expect.unreachable('the context has an output of its own') },
    });
    rig.feed.push('shard-a', Array(6).fill('x') as string[]);
    rig.feed.push('shard-a', Array(5).fill('y') as string[]);
    await rig.clock.advance(1_000);
    expect(written.join('').split('\n').slice(3)).toEqual([
      ...Array(6).fill('x'),
      ...Array(4).fill('y'),
      '...',
      '',
      '',
    ]);
    await rig.engine.stop();
  });

  it('prints to the output of the run, control characters escaped, and refuses to print nowhere', async () => {
    const written: string[] = [];
    const rig = startRig((stream) => stream.map((r) => r.text()).print(), {
      output: { write: (text) => written.push(text) },
    });
    rig.feed.push('shard-a', ['hello', 'bad\u001b[2Jword']);
    await rig.clock.advance(1_000);
    const ruler = '-------------------------------------------';
    expect(written).toEqual([`${ruler}\nTime: 1000 ms\n${ruler}\nhello\nbad\\x1b[2Jword\n\n`]);
    await rig.engine.stop();

    expect(() => startRig((stream) => stream.print())).toThrow(
      /MR_CONFIG_INVALID: print at engine\.spec\.ts:\d+ has nowhere to write/,
    );
  });
});
