import { describe, expect, it } from 'vitest';
import { deferred } from '../../lib/base/service.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import { createEngine } from '../../lib/engine/engine.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { type Rig, startRig } from './harness.ts';

const never = new AbortController().signal;

function collect(seen: string[]) {
  return (stream: Parameters<Parameters<typeof startRig>[0]>[0]) =>
    stream.map((record) => record.text()).foreachBatch((batch) => void seen.push(...batch.collect()));
}

describe('the end of the blocks', () => {
  it('runs what is left at once, acknowledges it and ends the run', async () => {
    const seen: string[] = [];
    const rig = startRig(collect(seen));
    rig.feed.push('shard-a', ['a1']);
    rig.feed.push('shard-b', ['b1']);
    rig.feed.end();
    await rig.running;
    expect(rig.clock.monotonicMillis()).toBe(0);
    expect(seen.toSorted()).toEqual(['a1', 'b1']);
    expect(rig.feed.acked).toHaveLength(2);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('keeps batch times exact multiples and growing', async () => {
    const times: number[] = [];
    const rig = startRig((stream) => stream.foreachBatch((batch) => void times.push(batch.batchTimeMillis)));
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a2']);
    rig.feed.end();
    await rig.running;
    expect(times).toEqual([1_000, 2_000]);
  });

  it('ends the run with the fault that ended the source', async () => {
    const rig = startRig(collect([]));
    rig.feed.blocks.fail(new Error('the receiver broke'));
    await expect(rig.running).rejects.toThrow('the receiver broke');
  });

  it('makes no further empty batches while the last one is being tried again', async () => {
    let calls = 0;
    const counts: number[] = [];
    const rig = startRig((stream) =>
      stream.count().foreachBatch((batch) => {
        calls += 1;
        if (calls < 3) throw new Error('not yet');
        counts.push(...batch.collect());
      }),
    );
    rig.feed.push('shard-a', ['a1']);
    rig.feed.end();
    await rig.clock.runUntil(rig.running);
    expect(counts).toEqual([1]);
  });
});

describe('drain', () => {
  it('runs blocks without waiting for ticks, those that come late too, until they end', async () => {
    const seen: string[] = [];
    const rig = startRig(collect(seen));
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(100);
    const drained = rig.engine.drain(never);
    await rig.clock.advance(0);
    expect(seen).toEqual(['a1']);
    rig.feed.push('shard-a', ['a2']);
    rig.feed.push('shard-c', ['c1']);
    rig.feed.push('shard-a', [], { last: true });
    rig.feed.end();
    await drained;
    await rig.running;
    expect(seen.toSorted()).toEqual(['a1', 'a2', 'c1']);
    expect(rig.feed.acked).toHaveLength(4);
    expect(rig.clock.monotonicMillis()).toBe(100);
  });

  it('finishes batches that were formed before, in order', async () => {
    const gate = deferred();
    const seen: string[] = [];
    const rig = startRig((stream) =>
      stream
        .map((record) => record.text())
        .foreachBatch(async (batch) => {
          if (batch.id === 1) await gate.promise;
          seen.push(`${batch.id}: ${batch.collect().join(' ')}`);
        }),
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a2']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a3']);
    rig.feed.end();
    const drained = rig.engine.drain(never);
    await rig.clock.advance(0);
    expect(seen).toEqual([]);
    gate.resolve();
    await drained;
    expect(seen).toEqual(['1: a1', '2: a2', '3: a3']);
  });

  it('fails at its deadline, and so does the run; nothing unfinished is acknowledged', async () => {
    const deadline = new AbortController();
    const rig = startRig((stream) => stream.foreachBatch(() => new Promise(() => {})));
    rig.feed.push('shard-a', ['a1']);
    rig.feed.end();
    const drained = rig.engine.drain(deadline.signal);
    drained.catch(() => {});
    await rig.clock.advance(1_000);
    deadline.abort(new Error('25 s are over'));
    await expect(drained).rejects.toMatchObject({ code: 'MR_DRAIN_TIMEOUT' });
    await expect(rig.running).rejects.toMatchObject({ code: 'MR_DRAIN_TIMEOUT' });
    expect(rig.feed.acked).toEqual([]);
  });

  it('may be called after the run, and before it: then the run does nothing', async () => {
    const ended = startRig(collect([]));
    ended.feed.end();
    await ended.running;
    await expect(ended.engine.drain(never)).resolves.toBeUndefined();
    await expect(ended.engine.stop()).resolves.toBeUndefined();

    const context = new EngineContext({ batchIntervalMillis: 1_000 });
    context.addInput('lines').foreachBatch(() => {});
    const { feed, clock } = ended;
    const engine = createEngine({ plan: context.seal(), source: feed, clock, events: new EventBus() });
    await engine.drain(never);
    await expect(engine.run(never)).resolves.toBeUndefined();
  });
});

describe('stop', () => {
  it('drops what is under way without a further call or ack, and the run resolves', async () => {
    const calls: number[] = [];
    const signals: AbortSignal[] = [];
    const rig: Rig = startRig((stream) =>
      stream.foreachBatch((batch, { signal }) => {
        calls.push(batch.id);
        signals.push(signal);
        return new Promise(() => {});
      }),
    );
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    rig.feed.push('shard-a', ['a2']);
    await rig.clock.advance(1_000);
    await rig.engine.stop();
    await rig.running;
    await rig.clock.advance(5_000);
    expect(calls).toEqual([1]);
    expect(signals[0]?.aborted).toBe(true);
    expect(rig.feed.acked).toEqual([]);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('takes no notice of a function that returns after it', async () => {
    const gate = deferred();
    const rig = startRig((stream) => stream.foreachBatch(() => gate.promise));
    rig.feed.push('shard-a', ['a1']);
    await rig.clock.advance(1_000);
    await rig.engine.stop();
    gate.resolve();
    await rig.clock.advance(1_000);
    expect(rig.feed.acked).toEqual([]);
    expect(rig.eventsOf('batch.completed')).toEqual([]);
  });

  it('is what an abort of the run does, but the run rejects with its reason', async () => {
    const rig = startRig(collect([]));
    rig.feed.push('shard-a', ['a1']);
    rig.stopRun.abort(new Error('second signal'));
    await expect(rig.running).rejects.toThrow('second signal');
    expect(rig.feed.acked).toEqual([]);
  });
});
