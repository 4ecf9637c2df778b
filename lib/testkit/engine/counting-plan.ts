import { EngineContext } from '../../engine/context.ts';
import type { OutputContext } from '../../engine/node.ts';
import type { Plan } from '../../engine/plan.ts';
import type { Batch } from '../../engine/batch.ts';
import type { FakeObjectStore } from '../fake-object-store.ts';
import { type Counted, countOne } from './tally.ts';

/** What a counting plan is made with. */
export interface CountingPlanOptions {
  readonly scope: 'shard' | 'application';
  readonly batchIntervalMillis: number;
  readonly store: FakeObjectStore;
  /** Its output: shows the counts of all keys after a batch. */
  readonly show: (batch: Batch<readonly [string, Counted]>, context: OutputContext) => Promise<void>;
}

/** Counts the records of each key, which hold their number among those of the key. */
export function countingPlan({ scope, batchIntervalMillis, store, show }: CountingPlanOptions): Plan {
  const context = new EngineContext({ batchIntervalMillis, state: store });
  const lines = context.addInput('stream');
  const keyed =
    scope === 'shard' ? lines.keyByPartitionKey() : lines.mapToPair((record) => [record.partitionKey, record]);
  keyed
    .mapValues((record) => Number(record.text()))
    .updateStateByKey<Counted>('counts', (numbers, counted) => numbers.reduce(countOne, counted))
    .foreachBatch(show);
  return context.seal();
}
