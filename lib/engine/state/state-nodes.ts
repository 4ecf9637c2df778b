import { MillraceError } from '../../base/error.ts';
import { type PairKey, checkKey } from '../key.ts';
import type { StreamNode } from '../node.ts';
import { type NodeHead, nameOf } from '../node-head.ts';
import type { StatefulNode } from '../stateful-node.ts';
import { keyedPersistence } from './keyed-persistence.ts';
import { type KeyedState, initialKeyedState } from './keyed-state.ts';
import { mapWithStateStep } from './map-with-state.ts';
import type { Division, MergeValues } from './reshard.ts';
import type { StateSpec } from './state-spec.ts';
import { type UpdateAllFunction, type UpdateFunction, updateAllStateStep, updateStateStep } from './update-state.ts';

/** What the node of `updateStateByKey` is made of. */
export interface UpdateStateFields {
  readonly id: string;
  readonly update: UpdateFunction<PairKey, unknown, unknown> | UpdateAllFunction<PairKey, unknown, unknown>;
  readonly initialState: Iterable<readonly [PairKey, unknown]> | undefined;
  readonly partial: boolean;
  /** Puts the states of a key of two shards together that were merged. */
  readonly merge: MergeValues<unknown> | undefined;
}

/**
 * The node of `updateStateByKey`.
 * @throws MillraceError `MR_KEY_INVALID` for a key of the initial state that is none; `MR_CONFIG_INVALID` for what is no function
 */
export function updateStateNode(head: NodeHead, parent: StreamNode, fields: UpdateStateFields): StreamNode {
  const { update, partial } = fields;
  const isAll = typeof update === 'object' && update !== null && typeof update.all === 'function';
  if (!isAll && typeof update !== 'function') {
    throw new MillraceError('MR_CONFIG_INVALID', `${nameOf(head)} needs a function, or { all: a function }`);
  }
  const initialState = [...(fields.initialState ?? [])];
  for (const [key] of initialState) checkKey(key, `the initialState of ${nameOf(head)}`);
  return keyedNode(head, parent, {
    id: fields.id,
    partial,
    keepsKeys: true,
    persistence: keyedPersistence(divisionOf(partial, fields.merge)),
    initial: () => initialKeyedState(initialState),
    step: typeof update === 'function' ? updateStateStep(update) : updateAllStateStep(update, nameOf(head)),
  });
}

/** The node of `mapWithState`; it gives one `MappedWithState` at each batch time. */
export function mapWithStateNode(
  head: NodeHead,
  parent: StreamNode,
  fields: {
    readonly id: string;
    readonly spec: StateSpec<PairKey, unknown, unknown, unknown>;
    readonly partial: boolean;
  },
): StreamNode {
  const { f, initial, timeoutMillis, merge } = fields.spec.fields;
  const step = mapWithStateStep({ f, timeoutMillis });
  const untouched = initialKeyedState(initial, 0, timeoutMillis);
  return keyedNode(head, parent, {
    id: fields.id,
    partial: fields.partial,
    keepsKeys: false,
    persistence: keyedPersistence(divisionOf(fields.partial, merge), timeoutMillis),
    initial: () => untouched,
    step: (memory, given, context) => {
      // What the program begins with counts as touched at the first batch (Spark's rule); nobody knew that time before.
      const isFirst = memory === untouched && timeoutMillis !== undefined;
      const before = isFirst ? initialKeyedState(initial, context.batchTimeMillis, timeoutMillis) : memory;
      return step(before, given, context);
    },
  });
}

type KeyedNode = Pick<
  StatefulNode<StreamNode, KeyedState>,
  'partial' | 'keepsKeys' | 'persistence' | 'initial' | 'step'
>;

function divisionOf(partial: boolean, merge: MergeValues<unknown> | undefined): Division<unknown> {
  return { tag: partial ? 'partial' : 'byKey', merge };
}

function keyedNode(head: NodeHead, parent: StreamNode, fields: KeyedNode & { readonly id: string }): StreamNode {
  const { id, partial, keepsKeys, persistence, initial, step } = fields;
  const node: StatefulNode<StreamNode, KeyedState> = {
    ...head,
    tag: 'stateful',
    parents: [parent],
    stateId: id,
    needsStore: true,
    sees: 'keyed',
    partial,
    keepsKeys,
    persistence,
    initial,
    step,
  };
  return node as StatefulNode<StreamNode>;
}
