import { systemClock } from '../../lib/base/clock.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { Block } from '../../lib/block/block.ts';
import type { KinesisRecord } from '../../lib/block/record.ts';
import { runBatch } from '../../lib/engine/batch-run.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import { emptyMemory } from '../../lib/engine/memory.ts';
import type { Plan } from '../../lib/engine/plan.ts';
import { memoryState } from '../../lib/engine/state-store.ts';
import type { DStream } from '../../lib/engine/stream.ts';
import { EventBus } from '../../lib/event/bus.ts';

/** Interval of the batches; nothing waits for it. */
export const batchIntervalMillis = 1_000;

/** Takes a batch, and answers something that tells whether the result is right. */
export type Worker = (blocks: readonly Block[]) => Promise<number> | number;

/** Builds streams on the input, and tells through `result` what a batch came to. */
export type Build = (lines: DStream<KinesisRecord>, result: (value: number) => void) => void;

/** What runs a batch as production does, without the ticks: nothing is tried again, nobody listens. */
export function batchFields(plan: Plan) {
  return {
    plan,
    source: { ack: () => {} },
    clock: systemClock,
    random: seededRandom(1),
    events: new EventBus(),
    printTarget: undefined,
    maximumRetryAttempts: 0,
    retryBackoff: { baseMillis: 1, capMillis: 1 },
    stalledAfterMillis: 300_000,
    pace: { completed: () => {} },
  };
}

/** The engine as it runs a batch in production: plan, operators, outputs, acknowledgement, events; without the ticks. */
export function engineWorker(build: Build): Worker {
  const context = new EngineContext({ batchIntervalMillis, state: memoryState() });
  let result = 0;
  build(context.addInput('lines'), (value) => (result = value));
  const fields = batchFields(context.seal());
  const { signal } = new AbortController();
  let memory = emptyMemory;
  let batchId = 0;
  return async (blocks) => {
    batchId += 1;
    const batchTimeMillis = batchId * batchIntervalMillis;
    const order = { group: 'application', batchId, batchTimeMillis, blocks, zeroTimeMillis: 0, memory };
    const outcome = await runBatch(fields, order, signal);
    if (outcome.tag === 'completed') memory = outcome.memory;
    return result;
  };
}
