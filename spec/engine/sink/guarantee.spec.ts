import { describe, expect, it } from 'vitest';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import { checkOutputs, guaranteesOf } from '../../../lib/engine/sink/guarantee.ts';
import type { Sink } from '../../../lib/engine/sink/sink.ts';
import { fileState, memoryState } from '../../../lib/engine/state-store.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { HolderWorld } from '../commit/holders.ts';
import { startRig } from '../harness.ts';

const sink = (changes: Partial<Sink<unknown>> = {}): Sink<unknown> => ({
  name: 'test:a',
  guarantee: 'idempotent',
  repeatable: true,
  write: async () => {},
  ...changes,
});

function planOf(build: (stream: DStream<KinesisRecord>, context: EngineContext) => void) {
  const context = new EngineContext({ batchIntervalMillis: 1_000, state: memoryState() });
  build(context.addInput<KinesisRecord>('lines'), context);
  return context.seal();
}

const guarantees = (plan: ReturnType<typeof planOf>, isCommitted = true) =>
  guaranteesOf(plan, isCommitted).map(({ guarantee }) => guarantee);

describe('what the outputs of a plan guarantee', () => {
  it('is what the sink declares, and at least once for what declares nothing', () => {
    const plan = planOf((stream) => {
      stream.writeTo(sink());
      stream.writeTo(sink({ name: 'test:b', repeatable: false }));
      stream.writeTo(sink({ name: 'test:c', guarantee: 'atLeastOnce', repeatable: false }));
      stream.foreachBatch(() => {});
      stream.foreachBatch(() => {}, { guarantee: 'idempotent' });
      stream.saveAsTextFiles('/tmp/x');
    });
    expect(guarantees(plan)).toEqual([
      'exactlyOnce',
      'exactlyOnce',
      'atLeastOnce',
      'atLeastOnce',
      'exactlyOnce',
      'atLeastOnce',
    ]);
    expect(new Set(guarantees(plan, false))).toEqual(new Set(['atLeastOnce']));
    expect(plan.isPlanned).toBe(true);
  });

  it('is none where an input is gone with the process', () => {
    const plan = planOf((stream, context) => {
      context
        .queueStream<KinesisRecord>([])
        .union(stream)
        .foreachBatch(() => {});
    });
    expect(guaranteesOf(plan, true)[0]).toMatchObject({
      guarantee: 'none',
      reason: expect.stringMatching(/^what queueStream at guarantee\.spec\.ts:\d+ gave is gone with the process/),
    });
  });

  it('is told at the start and in the explanation', async () => {
    const world = new HolderWorld({ a: ['x'] });
    const holder = await world.start((stream) => stream.writeTo(sink()), {
      scope: 'shard',
      blockRecords: 1,
      blocksAtOnce: 1,
    });
    await holder.readAll();
    await world.clock.runUntil(holder.running);
    expect(holder.events.find((event) => event.type === 'engine.started')).toMatchObject({
      outputs: [
        {
          output: expect.stringMatching(/^writeTo at guarantee\.spec\.ts:\d+ \(test:a\)$/),
          guarantee: 'exactlyOnce',
          reason: 'a repeated batch holds the same items, and the sink shows them once',
        },
      ],
    });
    const context = new EngineContext({ batchIntervalMillis: 1_000, state: fileState('/tmp/nowhere') });
    context.addInput('lines').writeTo(sink());
    expect(context.explain()).toMatch(/output of #0: writeTo at .* \(test:a\); every record once: a repeated batch/);
    expect(context.explain()).toContain('planned before it is processed: two writes for each commit');
  });
});

describe('a guarantee that the run cannot keep', () => {
  it('is refused at the start: without committed batches', () => {
    expect(() => startRig((stream) => stream.writeTo(sink()))).toThrow(
      /MR_CONFIG_INVALID: writeTo at .* \(test:a\) rests on committed batches.*fileState/,
    );
    expect(() => startRig((stream) => stream.foreachBatch(() => {}, { repeatable: true }))).toThrow(
      /MR_CONFIG_INVALID: foreachBatch at .* rests on committed batches/,
    );
    expect(() =>
      startRig((stream) => stream.writeTo(sink({ guarantee: 'atLeastOnce', repeatable: false }))),
    ).not.toThrow();
  });

  it('is refused at the start: for two outputs of one target', async () => {
    const start = (build: (stream: DStream<KinesisRecord>) => void) =>
      new HolderWorld({}).start(build, { scope: 'shard', blockRecords: 1, blocksAtOnce: 1 });
    await expect(
      start((stream) => {
        stream.writeTo(sink());
        stream.count({ partial: true }).writeTo(sink());
      }),
    ).rejects.toThrow(/MR_CONFIG_INVALID: writeTo at .* and writeTo at .* write to one sink, test:a/);
  });

  it('is refused at the start: on an input that cannot be read again', () => {
    const plan = planOf((stream, context) => context.queueStream<KinesisRecord>([]).union(stream).writeTo(sink()));
    expect(() => checkOutputs(plan, true)).toThrow(/MR_CONFIG_INVALID: writeTo at .* what queueStream at .* is gone/);
  });

  it('is refused where it is declared: for what is no sink', () => {
    const wrong: [unknown, RegExp][] = [
      [undefined, /has name/],
      [sink({ name: '' }), /has name/],
      [sink({ guarantee: 'sometimes' as never }), /has guarantee, 'idempotent' or 'atLeastOnce'/],
      [sink({ repeatable: undefined as never }), /has repeatable, true or false/],
      [sink({ takes: 'records' as never }), /has takes, 'batches' or 'partitions'/],
      [{ name: 'x', guarantee: 'idempotent', repeatable: false }, /has write, a function/],
    ];
    for (const [given, why] of wrong) {
      expect(() => planOf((stream) => stream.writeTo(given as Sink<unknown>))).toThrow(why);
    }
    expect(() => planOf((stream) => stream.foreachBatch(() => {}, { guarantee: 'once' as never }))).toThrow(
      /MR_CONFIG_INVALID: guarantee is "once"/,
    );
  });
});

describe('a sink', () => {
  it.each(['batches', 'partitions'] as const)(
    'that takes %s is given them in order, with what fences them',
    async (takes) => {
      const calls: unknown[] = [];
      const world = new HolderWorld({ a: ['1', '2', '3'] });
      const texts: Sink<string> = {
        ...sink({ takes }),
        write: async (items, { signal, ...context }) => {
          expect(signal.aborted).toBe(false);
          if (context.attempt === 1 && calls.length === 1) {
            calls.push('failed');
            throw new Error('for now');
          }
          calls.push([items, context]);
        },
      };
      const holder = await world.start((stream) => stream.map((record) => record.text()).writeTo(texts), {
        scope: 'shard',
        blockRecords: 2,
        blocksAtOnce: 2,
      });
      await holder.readAll();
      await world.clock.runUntil(holder.running);
      const fence = { kind: 'tenure', number: 1 };
      const first = { application: 'app', group: 'a', batchId: 1, batchTimeMillis: 1_000, fence, attempt: 1 };
      if (takes === 'batches') {
        expect(calls.slice(0, 1)).toEqual([[['1', '2', '3'], { ...first, partition: 0 }]]);
      } else {
        const again = { ...first, attempt: 2 };
        expect(calls).toEqual([
          [['1', '2'], { ...first, partition: 0 }],
          'failed',
          [['1', '2'], { ...again, partition: 0 }],
          [['3'], { ...again, partition: 1 }],
        ]);
      }
    },
  );
});
