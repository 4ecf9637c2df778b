import { describe, expect, it } from 'vitest';
import { memoryState } from '../../lib/engine/state-store.ts';
import { startRig } from './harness.ts';

describe('a batch whose function throws', () => {
  it('is tried again after a pause, acknowledged once, and the batches after it wait', async () => {
    const tries: string[] = [];
    const rig = startRig(
      (stream) =>
        stream
          .map((record) => record.text())
          .foreachBatch((batch, { attempt }) => {
            tries.push(`batch ${batch.id} try ${attempt} at ${rig.clock.monotonicMillis()}: ${batch.collect().join()}`);
            if (batch.id === 1 && attempt < 3) throw new Error('database away');
          }),
      { retryBackoff: { baseMillis: 2_000, capMillis: 2_000 } },
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a2']);
    expect(rig.feed.acked).toEqual([]);
    await rig.clock.advance(5_000);
    expect(tries.map((text) => text.replace(/ at [\d.]+/, ''))).toEqual([
      'batch 1 try 1: a1',
      'batch 1 try 2: a1',
      'batch 1 try 3: a1',
      'batch 2 try 1: a2',
    ]);
    const [first, second] = tries.map((text) => Number(/ at ([\d.]+)/.exec(text)?.[1]));
    expect(second! - first!).toBeGreaterThanOrEqual(1_000);
    expect(rig.eventsOf('batch.failed').map(({ group, batchId }) => [group, batchId])).toEqual([
      ['shard-a', 1],
      ['shard-a', 1],
    ]);
    expect(rig.feed.acked).toHaveLength(2);
    await rig.engine.stop();
  });

  it('ends the run when the tries are used up: nothing is acknowledged, and nothing after it runs', async () => {
    const calls: string[] = [];
    const boom = new Error('boom');
    const rig = startRig((stream) =>
      stream
        .map((record) => {
          calls.push(record.text());
          if (record.text() === 'a1') throw boom;
          return record;
        })
        .foreachBatch(() => {}),
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a2']);
    const failure: unknown = await rig.clock.runUntil(rig.running).catch((thrown: unknown) => thrown);
    await rig.clock.advance(10_000);
    expect(calls).toEqual(['a1', 'a1', 'a1', 'a1']);
    expect(failure).toMatchObject({
      code: 'MR_HANDLER_FAILED',
      subject: { batch: 'shard-a/1', shard: 'shard-a' },
      cause: boom,
    });
    expect(String(failure)).toMatch(
      /batch 1 of shard-a was tried 4 times, and nothing of it is acknowledged: map at engine-retry\.spec\.ts:\d+ failed: boom/,
    );
    expect(rig.eventsOf('batch.failed')).toHaveLength(4);
    expect(rig.feed.acked).toEqual([]);
  });

  it('goes on from the output that failed: what is done is not done twice, and sees the same results', async () => {
    const log: string[] = [];
    let made = 0;
    const rig = startRig((stream) => {
      const shared = stream.map(() => {
        made += 1;
        return made;
      });
      shared.foreachBatch((batch) => void log.push(`first ${batch.collect().join()}`));
      shared.foreachBatch((batch, { attempt }) => {
        log.push(`second ${batch.collect().join()}`);
        if (attempt === 1) throw new Error('once');
      });
    });
    rig.feed.push('shard-a', ['x', 'y']);
    await rig.clock.advance(5_000);
    expect(log).toEqual(['first 1,2', 'second 1,2', 'second 1,2']);
    expect(rig.feed.acked).toHaveLength(1);
    await rig.engine.stop();
  });

  it('is not tried again for a key that can never be one', async () => {
    let calls = 0;
    const rig = startRig((stream) =>
      stream
        .mapToPair(() => {
          calls += 1;
          return [Number.NaN, 1];
        })
        .foreachBatch(() => {}),
    );
    rig.feed.push('shard-a', ['x']);
    await rig.clock.advance(1_000);
    await expect(rig.running).rejects.toMatchObject({ code: 'MR_KEY_INVALID' });
    expect(calls).toBe(1);
    expect(rig.feed.acked).toEqual([]);
  });

  it('is given up without fault when its lease is lost meanwhile', async () => {
    let calls = 0;
    const rig = startRig((stream) =>
      stream.foreachBatch(() => {
        calls += 1;
        throw new Error('away');
      }),
    );
    rig.feed.push('shard-a', ['a1']);
    rig.feed.push('shard-b', []);
    await rig.clock.advance(1_000);
    const before = calls;
    rig.feed.lose('shard-a');
    rig.feed.lose('shard-b');
    await rig.clock.advance(120_000);
    expect(calls).toBe(before);
    rig.feed.end();
    await rig.running;
    expect(rig.feed.acked).toEqual([]);
  });

  it('shows nothing more as soon as its lease is uncertain, though nobody has said so', async () => {
    const calls: string[] = [];
    let isHeld = true;
    const rig = startRig((stream) => {
      stream.foreachBatch(() => {
        calls.push('first');
        // The process was paused here for longer than the lease lasts, and no timer has had its turn.
        isHeld = false;
      });
      stream.foreachBatch(() => void calls.push('second'));
    });
    Object.assign(rig.feed.push('shard-a', ['a1']), { isHeld: () => isHeld });
    await rig.clock.advance(1_000);
    expect(calls).toEqual(['first']);
    expect(rig.eventsOf('batch.dropped')).toMatchObject([{ reason: 'lost' }]);
    rig.feed.end();
    await rig.running;
    expect(rig.feed.acked).toEqual([]);
  });

  it('is left to the next owner also when it is one without blocks', async () => {
    let calls = 0;
    const rig = startRig(
      (stream) =>
        stream
          .keyByPartitionKey()
          .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
          .foreachBatch((batch) => {
            if (batch.id === 1) return;
            calls += 1;
            throw new Error('refused');
          }),
      { context: { state: memoryState() }, maximumRetryAttempts: 2 },
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(2_000);
    expect(calls).toBe(1);
    rig.feed.lose('shard-a');
    await rig.clock.advance(60_000);
    expect(calls).toBe(1);
    expect(rig.eventsOf('batch.dropped')[0]).toMatchObject({ batchTimeMillis: 2_000, reason: 'lost' });
    rig.feed.end();
    await expect(rig.running).resolves.toBeUndefined();
  });

  it('does not hold other shards while it is tried again', async () => {
    const done: string[] = [];
    const rig = startRig(
      (stream) =>
        stream.foreachBatch((batch, { group }) => {
          if (group === 'shard-a') throw new Error('always');
          done.push(`${group} ${batch.id}`);
        }),
      { maximumRetryAttempts: -1 },
    );
    rig.feed.push('shard-a', ['a1']);
    for (let second = 0; second < 60; second += 1) {
      rig.feed.push('shard-b', ['b']);
      await rig.clock.advance(1_000);
    }
    expect(done).toHaveLength(60);
    expect(rig.eventsOf('batch.failed').length).toBeGreaterThan(4);
    await rig.engine.stop();
  });

  it('refuses a senseless number of tries', () => {
    expect(() => startRig((stream) => stream.foreachBatch(() => {}), { maximumRetryAttempts: 1.5 })).toThrow(
      'MR_CONFIG_INVALID: maximumRetryAttempts is 1.5',
    );
  });
});
