import { describe, expect, it } from 'vitest';
import type { KinesisRecord } from '../../lib/block/record.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import { siteOf } from '../../lib/engine/creation-site.ts';
import type { DStream } from '../../lib/engine/stream.ts';

const newContext = () => new EngineContext({ batchIntervalMillis: 1_000 });

/** A context with one output, and what could be added to it later. */
function built() {
  const context = newContext();
  const stream = context.addInput('lines');
  stream.print();
  const additions = [
    () => context.addInput('other'),
    () => stream.map((record) => record),
    () => stream.union(stream),
    () => stream.count(),
    () => stream.mapToPair((record) => [record.partitionKey, 1]),
    () => stream.print(),
    () => stream.foreachBatch(() => {}),
  ];
  return { context, additions };
}

describe('the life of a context', () => {
  it('goes from INITIALIZED over ACTIVE to STOPPED, and starting or stopping twice does nothing', () => {
    const { context } = built();
    expect(context.state).toBe('INITIALIZED');
    const plan = context.seal();
    expect(context.state).toBe('ACTIVE');
    expect(context.seal()).toBe(plan);
    context.retire();
    context.retire();
    expect(context.state).toBe('STOPPED');
  });

  it('may be stopped before it starts, and then does not start', () => {
    const { context } = built();
    context.retire();
    expect(() => context.seal()).toThrow('MR_CONFIG_INVALID: the context is stopped and does not start again');
    expect(context.state).toBe('STOPPED');
  });

  it('does not start without an output, and is stopped by the attempt', () => {
    const context = newContext();
    context.addInput('lines').map((record) => record.text());
    expect(() => context.seal()).toThrow('MR_CONFIG_INVALID: no output operation is registered');
    expect(context.state).toBe('STOPPED');
  });

  it('takes nothing more once it has started or stopped', () => {
    const active = built();
    active.context.seal();
    for (const add of active.additions) {
      expect(add).toThrow(/MR_CONFIG_INVALID: \w+ at context\.spec\.ts:\d+ was called after the context has started/);
    }
    active.context.retire();
    for (const add of active.additions) expect(add).toThrow(/was called after the context is stopped/);
  });

  it('runs with an input that nobody uses', () => {
    const { context } = built();
    context.addInput('unused');
    expect(context.seal().inputs.map((input) => input.name)).toEqual(['lines', 'unused']);
  });
});

describe('what a context refuses', () => {
  it.each([0, -1, 1.5, Number.NaN, 86_400_001])('a batch interval of %s', (batchIntervalMillis) => {
    expect(() => new EngineContext({ batchIntervalMillis })).toThrow(
      `MR_CONFIG_INVALID: batchIntervalMillis is ${batchIntervalMillis}`,
    );
  });

  it('two inputs of one name', () => {
    const context = newContext();
    context.addInput('lines');
    expect(() => context.addInput('lines')).toThrow('MR_CONFIG_INVALID: the context reads "lines" already');
  });

  it('a union of streams of two contexts', () => {
    const here = newContext().addInput('lines');
    const there = newContext().addInput('lines');
    expect(() => here.union(there)).toThrow(/MR_CONFIG_INVALID: union at context\.spec\.ts:\d+ joins streams of two/);
  });

  it('a print of less than nothing', () => {
    expect(() => newContext().addInput('lines').print(-1)).toThrow('MR_CONFIG_INVALID: print(-1)');
  });
});

describe('the scope of a plan', () => {
  const scopeOf = (build: (stream: DStream<KinesisRecord>) => void) => {
    const context = newContext();
    build(context.addInput('lines'));
    const { scope, scopeReason } = context.seal();
    return { scope, scopeReason };
  };

  it('is shard for stateless plans', () => {
    expect(scopeOf((s) => s.map(String).union(s.map(String)).print())).toEqual({
      scope: 'shard',
      scopeReason: 'no operator puts records of several shards together',
    });
  });

  it('is shard for partial results, and says who merges them', () => {
    const { scope, scopeReason } = scopeOf((s) =>
      s
        .mapToPair(() => ['k', 1])
        .reduceByKey((a, b) => a + b, { partial: true })
        .print(),
    );
    expect(scope).toBe('shard');
    expect(scopeReason).toMatch(
      /^reduceByKey at context\.spec\.ts:\d+ is declared partial: .*their reader merges them$/,
    );
  });

  it('is application for count, and for reduceByKey that is not partial, and names the remedy', () => {
    expect(scopeOf((s) => s.count().print()).scope).toBe('application');
    const { scope, scopeReason } = scopeOf((s) =>
      s
        .mapToPair(() => ['k', 1])
        .reduceByKey((a, b) => a + b)
        .print(),
    );
    expect(scope).toBe('application');
    expect(scopeReason).toMatch(/reduceByKey at context\.spec\.ts:\d+ puts the values .* say \{ partial: true \}$/);
  });

  it('is decided by the streams that are put out, not by those that lead nowhere', () => {
    expect(
      scopeOf((s) => {
        s.count();
        s.print();
      }).scope,
    ).toBe('shard');
  });
});

describe('siteOf', () => {
  const own = '/app/node_modules/millrace/dist/';
  it.each([
    ['file URL', 'at build (file:///app/src/counts.ts:12:7)', 'counts.ts:12'],
    ['plain path', 'at Object.<anonymous> (/app/src/main.js:3:1)', 'main.js:3'],
    ['path with a blank, no function', 'at file:///app/my%20src/a.mjs:9:2', 'a.mjs:9'],
    ['async frame', 'at async /app/x.js:5:5', 'x.js:5'],
    ['nothing of the program', 'at node:internal/modules/run_main:100:5', 'unknown'],
  ])('finds the line of the program: %s', (_name, frame, site) => {
    const stack = `Error: x\n    at DStream.map (file:///app/node_modules/millrace/dist/engine/stream.js:1:1)\n    ${frame}`;
    expect(siteOf(stack, own)).toBe(site);
  });
});
