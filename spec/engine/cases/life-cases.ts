import { StreamingContext } from '../../../lib/app/streaming-context.ts';
import type { ReceiverSupervisor } from '../../../lib/engine/receiver-source.ts';
import { memoryState } from '../../../lib/engine/state-store.ts';
import type { CaseRow, CaseTable } from './case-file.ts';

const waitMillis = 60_000;

interface Made {
  readonly context: StreamingContext;
  readonly seen: number[][];
  /** Resolves when so many batches have been seen. */
  readonly seenBatches: (count: number) => Promise<void>;
}

/** A context that counts, 1, 2, 3, ... with an output. */
function counting(batchIntervalMillis = 20, onItem: (item: number) => unknown = () => {}): Made {
  const context = new StreamingContext({ batchIntervalMillis, maximumRetryAttempts: 0, state: memoryState() });
  const seen: number[][] = [];
  let count = 0;
  context
    .generatorStream(() => [(count += 1)])
    .map(async (item) => {
      await onItem(item);
      return item;
    })
    .foreachBatch((batch) => void seen.push(batch.collect()));
  return { context, seen, seenBatches: (batches) => until(() => seen.length >= batches) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition() && tries < waitMillis / 5; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (!condition()) throw new Error('the state that was waited for did not come');
}

function errorOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (thrown) {
    return String(thrown);
  }
}

/** Rows of StreamingContextSuite and of the inputs. */
export const lifeCases: CaseTable = {
  S226: { run: walk, given: ['do'] },
  S227: { run: walk, given: ['do'] },
  S228: { run: walk, given: ['do'] },
  S229: { run: failedStart },
  S232: { run: changes, given: ['do'] },
  S233: { run: gracefulStops },
  S235: { run: stopAtOnce },
  S236: { run: awaiting, given: ['do'] },
  S237: {
    run: async () => ({ error: await endOf(counting(20, () => Promise.reject(new Error('map task'))).context) }),
    says: /map task/,
  },
  S238: { run: transformFault, says: /error in transform/ },
  S242: { run: unusedInput },
  S245: { run: queue },
  S246: { run: queue },
  S251: { run: manySenders },
};

/** The steps of a life, and the state after each. */
async function walk(row: CaseRow) {
  const { context } = counting();
  const expected: unknown[] = [];
  for (const step of row.expected as { readonly do: string }[]) {
    let error: string | null = null;
    if (step.do.startsWith('start')) error = errorOf(() => context.start());
    if (step.do.startsWith('stop')) await context.stop();
    if (error?.includes('does not start again') === true) error = 'IllegalStateException';
    expected.push({ do: step.do, state: context.state, error });
  }
  await context.stop();
  return { expected };
}

function failedStart() {
  const context = new StreamingContext({ batchIntervalMillis: 20 });
  let started = false;
  context.events.subscribe(({ type }) => (started ||= type === 'engine.started'));
  const words = context.queueStream([['a']]).mapToPair((word) => [word, 1]);
  words.updateStateByKey<number>('counts', (values, sum = 0) => sum + values.length).print();
  const error = errorOf(() => context.start());
  const isNamed = error?.includes('MR_CONFIG_INVALID: updateStateByKey at life-cases.ts') === true;
  return {
    expected: { error: isNamed ? 'exception' : error, state: context.state, schedulerStarted: started },
  };
}

async function changes(row: CaseRow) {
  const expected: unknown[] = [];
  for (const line of row.expected as { readonly state: string; readonly do: readonly string[] }[]) {
    const { context } = counting();
    const stream = context.queueStream([[1]]);
    context.start();
    if (line.state === 'STOPPED') await context.stop();
    const actions: Readonly<Record<string, () => unknown>> = {
      'add input': () => context.queueStream([[1]]),
      'add transformation': () => stream.map((x) => x),
      'add output op': () => stream.foreachBatch(() => {}),
    };
    const word = line.state === 'ACTIVE' ? 'start' : 'stop';
    const errors = line.do.map((action) => errorOf(actions[action]!));
    const isRight = errors.every((error) => error?.includes('after the context') === true && error.includes(word));
    expected.push({
      state: context.state,
      do: line.do,
      error: isRight ? `IllegalStateException containing "${word}"` : errors,
    });
    await context.stop();
  }
  return { expected };
}

/** A receiver that hands in 1, 2, 3, ... until it is told to stop, and what it has handed in. */
function storing(pauseMillis: number) {
  const stored: number[] = [];
  return {
    stored,
    receiver: {
      receive: async ({ store, signal }: ReceiverSupervisor<number>) => {
        while (!signal.aborted) {
          stored.push(stored.length + 1);
          await store([stored.length]);
          await new Promise((resolve) => setTimeout(resolve, pauseMillis));
        }
      },
    },
  };
}

/** Four times: what was handed in before a graceful stop is processed, all of it and once. */
async function gracefulStops() {
  for (let round = 0; round < 4; round += 1) {
    const context = new StreamingContext({ batchIntervalMillis: 20 });
    const seen: number[] = [];
    const { receiver, stored } = storing(1);
    context.receiverStream(receiver).foreachBatch((batch) => void seen.push(...batch.collect()));
    context.start();
    await until(() => seen.length > 3);
    await context.stop({ gracefully: true });
    if (JSON.stringify(seen) !== JSON.stringify(stored))
      return { expected: { invariant: `${seen.length} of ${stored.length}` } };
  }
  return {
    expected: { invariant: 'counter at stop == processed count + 1 (every stored record is processed)' },
  };
}

async function stopAtOnce(row: CaseRow) {
  const { context } = counting();
  context.start();
  const limitMillis = (row.params['limitS'] as number) * 1_000;
  const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), limitMillis).unref());
  const returns = await Promise.race([context.stop({ gracefully: true }).then(() => true), late]);
  return { expected: { 'returns within limit': returns } };
}

async function awaiting(row: CaseRow) {
  const { context } = counting();
  const lines = row.expected as { readonly do: string }[];
  let isOver = false;
  const expected: unknown[] = [];
  for (const line of lines) {
    switch (line.do) {
      case 'start': {
        context.start();
        expected.push({ do: line.do, returnsWithinMs: context.state === 'ACTIVE' ? 2_000 : 'never' });
        break;
      }
      case 'awaitTerminationOrTimeout(500)':
        expected.push({ do: line.do, returns: await context.awaitTerminationOrTimeout(500) });
        break;
      case 'awaitTermination': {
        const awaited = context.awaitTermination().then(() => (isOver = true));
        const before = isOver;
        await context.stop();
        await awaited;
        const returns = before ? 'too early' : 'only after stop() from another thread';
        expected.push({ do: line.do, returns });
        break;
      }
      default:
        await context.awaitTermination();
        expected.push({ do: line.do, returns: 'at once' });
    }
  }
  return { expected };
}

async function endOf(context: StreamingContext): Promise<unknown> {
  context.start();
  try {
    await context.awaitTermination();
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

async function transformFault() {
  const context = new StreamingContext({ batchIntervalMillis: 20, maximumRetryAttempts: 0 });
  context
    .generatorStream(() => [1])
    .transform(() => Promise.reject(new Error('error in transform')))
    .foreachBatch(() => {});
  return { error: await endOf(context) };
}

async function unusedInput(row: CaseRow) {
  const { context, seenBatches } = counting();
  context.queueStream([[1]]);
  context.start();
  await seenBatches(row.params['batches'] as number);
  await context.stop();
  let error: unknown = null;
  await context.awaitTermination().catch((thrown: unknown) => (error = thrown));
  return { expected: { error } };
}

/** What a queue gives until it is empty. */
async function queue(row: CaseRow) {
  const context = new StreamingContext({ batchIntervalMillis: 100 });
  const { oneAtATime } = row.params as { readonly oneAtATime: boolean };
  const entries = (row.input as string[]).map((item) => [item]);
  const sizes = oneAtATime ? [2, 2, 1] : [3, 2];
  const filled: string[][] = [];
  const seen: string[][] = [];
  const fill = () => void filled.push(...entries.splice(0, sizes.shift() ?? 0));
  fill();
  context.queueStream(filled, { oneAtATime }).foreachBatch((batch) => {
    if (!batch.isEmpty()) seen.push(batch.collect());
    fill();
  });
  context.start();
  await until(() => seen.flat().length >= 5);
  await context.stop();
  return { expected: seen };
}

/** Several receivers' worth of senders into one stream: nothing is lost. */
async function manySenders(row: CaseRow) {
  const { threads, recordsPerThread } = row.params as { readonly threads: number; readonly recordsPerThread: number };
  const context = new StreamingContext({ batchIntervalMillis: 20 });
  let seen = 0;
  context
    .receiverStream<number>({
      receive: async ({ store, signal }) => {
        const send = async () => {
          for (let sent = 0; sent < recordsPerThread; sent += 1) await store([sent]);
        };
        await Promise.all(Array.from({ length: threads }, send));
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
    })
    .foreachBatch((batch) => void (seen += batch.count()));
  context.start();
  await until(() => seen >= threads * recordsPerThread);
  await context.stop({ gracefully: true });
  return { expected: { sumOfCounts: seen } };
}
