import { describe, expect, it } from 'vitest';
import { memoryState } from '../../lib/engine/state-store.ts';
import { StreamingContext } from '../../lib/app/streaming-context.ts';

const waitMillis = 60_000;

/** A context over a generator, with an output that the test looks into. */
function counting(onBatch: (items: number[]) => unknown = () => {}) {
  const context = new StreamingContext({ batchIntervalMillis: 20, maximumRetryAttempts: 0, state: memoryState() });
  let calls = 0;
  const seen: number[][] = [];
  const stream = context.generatorStream(() => [(calls += 1)]);
  stream.foreachBatch((batch) => {
    seen.push(batch.collect());
    return onBatch(batch.collect());
  });
  return { context, stream, seen };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < waitMillis / 10; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(condition()).toBe(true);
}

describe('the life of a streaming context', () => {
  it('runs without Kinesis from start to a graceful stop, which finishes the batch that is under way', async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { context, seen } = counting(() => gate);
    expect(context.state).toBe('INITIALIZED');
    context.start();
    context.start();
    expect(context.state).toBe('ACTIVE');
    await until(() => seen.length === 1);
    const stopping = context.stop({ gracefully: true });
    expect(await context.awaitTerminationOrTimeout(20)).toBe(false);
    release();
    await stopping;
    await context.awaitTermination();
    await context.stop();
    expect(context.state).toBe('STOPPED');
    expect(seen.flat()).toEqual(seen.flat().map((_, index) => index + 1));
  });

  it('stops at once without waiting for what is under way, and that is no fault', async () => {
    const { context, seen } = counting(() => new Promise(() => {}));
    context.start();
    await until(() => seen.length === 1);
    await context.stop();
    await context.awaitTermination();
    expect(seen).toHaveLength(1);
    expect(() => context.start()).toThrow('MR_CONFIG_INVALID: the context is stopped and does not start again');
  });

  it('carries the error of a function to awaitTermination, with the operator and its line', async () => {
    const { context } = counting((items) => {
      if (items.includes(2)) throw new TypeError('map task');
    });
    context.start();
    await expect(context.awaitTermination()).rejects.toThrow(
      /MR_HANDLER_FAILED: .*foreachBatch at streaming-life\.spec\.ts:\d+ failed: map task/,
    );
    expect(context.state).toBe('STOPPED');
  });

  it('is stopped by a start that fails', () => {
    const context = new StreamingContext({ batchIntervalMillis: 20 });
    context.generatorStream(() => [1]);
    expect(() => context.start()).toThrow('no output operation is registered');
    expect(context.state).toBe('STOPPED');
  });

  it('may be stopped before it starts', async () => {
    const { context } = counting();
    await context.stop();
    await context.awaitTermination();
    expect(context.state).toBe('STOPPED');
  });

  it.each(['drain', 'stop'] as const)('ends when %s is called while its page is being started', async (end) => {
    let ended: Promise<void> | undefined;
    const context = new StreamingContext({
      batchIntervalMillis: 20,
      ui: { port: 0, onListening: () => void (ended = context[end]()) },
    });
    const batches: unknown[] = [];
    context.generatorStream(() => [1]).foreachBatch((batch) => void batches.push(batch));
    context.start();
    const isOver = await context.awaitTerminationOrTimeout(2_000);
    if (!isOver) await context.stop();
    await ended;
    expect([isOver, batches, context.state]).toEqual([true, [], 'STOPPED']);
  });

  it('needs an application for a Kinesis stream, and a sensible number of receivers', () => {
    const nameless = new StreamingContext({ batchIntervalMillis: 20 });
    expect(() => nameless.kinesisStream({ streamName: 'lines' })).toThrow(/needs .* an applicationName/);
    const named = new StreamingContext({ applicationName: 'words', batchIntervalMillis: 20 });
    expect(() => named.kinesisStream({ streamName: 'lines', region: 'eu-west-1' }, { receivers: 0 })).toThrow(
      'receivers is 0: give a whole number from 1 to 64',
    );
  });

  it('names a function that never settles, and acknowledges nothing', async () => {
    const context = new StreamingContext({ batchIntervalMillis: 20, stalledAfterMillis: 100 });
    context
      .generatorStream(() => [1])
      .map(() => new Promise<number>(() => {}))
      .foreachBatch(() => {});
    await expect(context.run()).rejects.toThrow(
      /MR_HANDLER_FAILED: map at streaming-life\.spec\.ts:\d+ has not settled for 100 ms/,
    );
  });
});

describe('a receiver of the program', () => {
  it('hands in items until the drain, and every item is processed', async () => {
    const context = new StreamingContext({ batchIntervalMillis: 20 });
    const seen: number[] = [];
    let stored = 0;
    context
      .receiverStream<number>({
        receive: async ({ store, signal }) => {
          while (!signal.aborted) {
            await store([(stored += 1)]);
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        },
      })
      .foreachBatch((batch) => void seen.push(...batch.collect()));
    context.start();
    await until(() => seen.length > 5);
    await context.drain();
    expect(seen).toEqual(Array.from({ length: stored }, (_, index) => index + 1));
  });

  it('that fails is told of and started anew', async () => {
    const context = new StreamingContext({ batchIntervalMillis: 20 });
    const failures: unknown[] = [];
    context.events.subscribe((event) => void (event.type === 'input.failed' && failures.push(event)));
    context
      .receiverStream<number>({
        receive: () => {
          throw new Error('no connection');
        },
      })
      .foreachBatch(() => {});
    context.start();
    await until(() => failures.length === 2);
    await context.stop();
    expect(failures[0]).toMatchObject({ message: 'no connection', delayMillis: 2_000 });
  });
});
