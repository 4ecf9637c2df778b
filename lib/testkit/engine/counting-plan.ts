import type { KinesisRecord } from '../../block/record.ts';
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
  /** Whether its batches are planned, for a second output that keeps the records of each batch under its id. */
  readonly isPlanned: boolean;
  readonly keep: (batch: Batch<KinesisRecord>, context: OutputContext) => Promise<void>;
}

/** Counts the records of each key, which hold their number among those of the key. */
export function countingPlan({ scope, batchIntervalMillis, store, show, isPlanned, keep }: CountingPlanOptions): Plan {
  const context = new EngineContext({ batchIntervalMillis, state: store });
  const lines = context.addInput('stream');
  if (isPlanned) lines.foreachBatch(keep, { repeatable: true, guarantee: 'idempotent' });
  const keyed =
    scope === 'shard' ? lines.keyByPartitionKey() : lines.mapToPair((record) => [record.partitionKey, record]);
  keyed
    .mapValues((record) => Number(record.text()))
    .updateStateByKey<Counted>('counts', (numbers, counted) => numbers.reduce(countOne, counted))
    .foreachBatch(show);
  return context.seal();
}
