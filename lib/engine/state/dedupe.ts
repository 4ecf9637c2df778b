import { isThenable } from '../../base/thenable.ts';
import type { Given } from '../given.ts';
import { type PairKey, checkKey } from '../key.ts';
import type { OperatorContext, StreamNode } from '../node.ts';
import { type NodeHead, nameOf } from '../node-head.ts';
import type { StatefulNode, Step, StepContext } from '../stateful-node.ts';
import { each } from './each.ts';
import { keyedPersistence } from './keyed-persistence.ts';
import { KeyedEdit, type KeyedState, initialKeyedState } from './keyed-state.ts';
import { removed } from './persistent-map.ts';

/** What the node of `dedupeBy` is made of. */
export interface DedupeFields {
  readonly id: string;
  readonly idOf: (item: unknown, context: OperatorContext) => unknown;
  readonly withinMillis: number;
  readonly maximumIds: number;
}

/**
 * The node of `dedupeBy`. Each shard remembers by itself what it has seen: a producer that tries again puts a record under
 * the same partition key, and so on the same shard, or after a reshard on one that began with what its parents had seen.
 */
export function dedupeNode(head: NodeHead, parent: StreamNode, fields: DedupeFields): StreamNode {
  const { id, withinMillis } = fields;
  const node: StatefulNode<StreamNode, KeyedState> = {
    ...head,
    tag: 'stateful',
    parents: [parent],
    stateId: id,
    needsStore: true,
    sees: 'each',
    partial: false,
    keepsKeys: true,
    persistence: keyedPersistence({ tag: 'ids' }, withinMillis),
    initial: () => initialKeyedState([], 0, withinMillis),
    step: dedupeStep(fields, nameOf(head)),
  };
  return node as StatefulNode<StreamNode>;
}

/** The step of `dedupeBy`: lets an item through whose id was not seen before within the time, by the times of the batches. */
function dedupeStep({ id: operator, idOf, withinMillis, maximumIds }: DedupeFields, name: string) {
  return async (before: KeyedState, [given]: readonly Given[], context: StepContext): Promise<Step<KeyedState>> => {
    const { batchTimeMillis, signal } = context;
    const thresholdMillis = batchTimeMillis - withinMillis;
    const edit = new KeyedEdit<PairKey, unknown>(before, batchTimeMillis);
    for (const id of edit.dueBefore(thresholdMillis)) edit.remove(id);
    const out: unknown[][] = [];
    for (const [partition, items] of (given ?? []).entries()) {
      const kept: unknown[] = [];
      const told: OperatorContext = { batchTimeMillis, partition, signal };
      const look = (item: unknown) => {
        const result = idOf(item, told);
        const finish = (answered: unknown) => {
          const id = checkKey(answered, `an id of ${name}`);
          if (edit.get(id) !== undefined) return;
          edit.set(id, true, undefined, false);
          kept.push(item);
        };
        return isThenable(result) ? result.then(finish) : finish(result);
      };
      await each(items, look, context);
      out.push(kept);
    }
    const memory = edit.next(thresholdMillis);
    const over = memory.entries.size - maximumIds;
    if (over > 0) context.tell?.({ type: 'ids.forgotten', operator, ids: over, maximumIds });
    return { memory: over > 0 ? withoutOldest(memory, over) : memory, given: (given ?? null) === null ? null : out };
  };
}

/** What is seen first is forgotten first, to the precision of the timers: a small part of the time. */
function withoutOldest({ entries, timers }: KeyedState, count: number): KeyedState {
  if (timers === undefined) return { entries, timers };
  const { keys, index } = timers.withoutFirst(count, (key) => entries.get(key));
  return { entries: entries.with(keys.map((key) => [key, removed] as const)), timers: index };
}
