import { MillraceError } from '../base/error.ts';
import { type AnyFunction, checkFunction } from './base-stream.ts';
import type { Graph } from './graph.ts';
import type { PairKey } from './key.ts';
import type {
  CombineNode,
  ErasedReducer,
  FoldNode,
  NarrowNode,
  PartitionNode,
  StreamNode,
  TransformNode,
} from './node.ts';
import { nameOf } from './node-head.ts';
import { type MappedWithState, snapshotPairs } from './state/map-with-state.ts';
import { mapWithStateNode } from './state/state-nodes.ts';
import { StateSpec } from './state/state-spec.ts';
import type { Combining, PartialOptions } from './stream-options.ts';

/** What an operator is added to: the graph, and the node that it reads. */
export interface Site {
  readonly graph: Graph;
  readonly node: StreamNode;
}

/** The node of an operator over whole partitions; one that ends in `ToPair` gives pairs. */
export function partitionNode({ graph, node }: Site, operator: string, f: AnyFunction): PartitionNode {
  const checked = checkFunction(operator, f) as PartitionNode['f'];
  return { ...graph.head(operator), tag: 'partition', pairs: operator.endsWith('ToPair'), parent: node, f: checked };
}

/** The node of a count, or of a reduction to one item. */
export function foldNode(
  { graph, node }: Site,
  operator: string,
  f: ErasedReducer | undefined,
  { partial = false }: PartialOptions,
): FoldNode {
  return { ...graph.head(operator), tag: 'fold', parent: node, f, partial };
}

/** The node of an operator that puts the values of each key together. */
export function combineNode({ graph, node }: Site, operator: string, combining: Combining): CombineNode {
  const { create, merge, mergeCombiners, partial = false } = combining;
  return { ...graph.head(operator), tag: 'combine', parent: node, create, merge, mergeCombiners, partial };
}

/** The node of an operator over whole batches, of several streams; one that ends in `ToPair` gives pairs. */
export function transformNode(
  { graph }: Pick<Site, 'graph'>,
  operator: string,
  parents: readonly StreamNode[],
  f: AnyFunction,
  { partial = false }: PartialOptions,
): TransformNode {
  const call = checkFunction(operator, f) as (...args: unknown[]) => unknown;
  const pairs = operator.endsWith('ToPair');
  return {
    ...graph.head(operator),
    tag: 'transform',
    parents,
    pairs,
    f: (batches, context) => call(...batches, context),
    partial,
  };
}

/** The node of a transformation of any number of streams: its function takes their batches in one array. */
export function transformAllNode(
  site: Site,
  parents: readonly StreamNode[],
  f: AnyFunction,
  options: PartialOptions,
): TransformNode {
  const node = transformNode(site, 'transform', parents, f, options);
  const call = f as unknown as TransformNode['f'];
  return { ...node, f: (batches, context) => call(batches, context) };
}

/**
 * The node of `mapWithState`.
 * @throws MillraceError `MR_CONFIG_INVALID` for anything but a StateSpec
 */
export function stateSpecNode({ graph, node }: Site, id: string, spec: unknown, partial: boolean): StreamNode {
  const head = graph.head('mapWithState');
  if (!(spec instanceof StateSpec)) {
    throw new MillraceError('MR_CONFIG_INVALID', `${nameOf(head)} needs a StateSpec: StateSpec.function(...)`);
  }
  return mapWithStateNode(head, node, { id, spec: spec as StateSpec<PairKey, unknown, unknown, unknown>, partial });
}

/** The node of what the function of `mapWithState` returned. */
export function mappedNode({ graph, node: parent }: Site): NarrowNode {
  const f = (item: unknown) => (item as MappedWithState).mapped;
  return { ...graph.head('mapWithState'), tag: 'narrow', kind: 'flatMap', parent, f };
}

/** The node of the state after `mapWithState`. */
export function snapshotsNode({ graph, node: parent }: Site): NarrowNode {
  const f = (item: unknown) => snapshotPairs((item as MappedWithState).state);
  return { ...graph.head('stateSnapshots'), tag: 'narrow', kind: 'flatMapToPair', parent, f };
}

/** How values are gathered in an array. */
export const grouping: Combining = {
  create: (value) => [value],
  merge: (values, value) => {
    (values as unknown[]).push(value);
    return values;
  },
};
