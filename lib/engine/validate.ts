import { MillraceError } from '../base/error.ts';
import { type StreamNode, parentsOf } from './node.ts';
import { nameOf } from './node-head.ts';
import type { StatefulNode } from './stateful-node.ts';

/** A graph about to be sealed. */
export interface GraphToValidate {
  /** In declaration order. */
  readonly nodes: readonly StreamNode[];
  /** By node id, how often the stream gives a batch, milliseconds. */
  readonly slides: ReadonlyMap<number, number>;
  readonly hasStore: boolean;
}

/**
 * Checks what Spark checks at the start (`DStreamGraph.validate`, `DStream.validateAtStart`): windows and slides are
 * multiples of their parents' slide; streams that are put together slide alike; what must be checkpointed has a place for
 * it; and, ours, ids of state are there once.
 * @throws MillraceError `MR_CONFIG_INVALID` naming the operator and the line that made it
 */
export function validateGraph(graph: GraphToValidate): void {
  const ids = new Map<string, StatefulNode<StreamNode>>();
  for (const node of graph.nodes) {
    checkSameSlide(graph, node);
    if (node.tag !== 'stateful') continue;
    checkWindow(graph, node);
    checkStore(graph, node);
    checkStateId(ids, node);
  }
}

function checkSameSlide({ slides }: GraphToValidate, node: StreamNode): void {
  const [first, ...others] = parentsOf(node);
  for (const other of others) {
    if (first === undefined || slides.get(first.id) === slides.get(other.id)) continue;
    throw invalid(
      `${nameOf(node)} puts together ${nameOf(first)}, which gives a batch every ${slides.get(first.id)} ms, and ` +
        `${nameOf(other)}, which gives one every ${slides.get(other.id)} ms: use streams that slide alike`,
    );
  }
}

function checkWindow({ slides }: GraphToValidate, node: StatefulNode<StreamNode>): void {
  const parent = node.parents[0];
  const parentSlide = parent && slides.get(parent.id);
  if (parentSlide === undefined) return;
  const lengths = [
    ['window', node.windowMillis],
    ['slide', node.slideMillis],
  ] as const;
  for (const [name, millis] of lengths) {
    if (millis === undefined || (Number.isInteger(millis) && millis > 0 && millis % parentSlide === 0)) continue;
    throw invalid(
      `the ${name} of ${nameOf(node)} is ${millis} ms: give a multiple of ${parentSlide} ms, the time between two batches of its stream`,
    );
  }
}

function checkStore({ hasStore }: GraphToValidate, node: StatefulNode<StreamNode>): void {
  if (!node.needsStore || hasStore) return;
  throw invalid(
    `${nameOf(node)} keeps state and the context has no place for it: give the context a state, for example { state: memoryState() }`,
    'state',
  );
}

function checkStateId(ids: Map<string, StatefulNode<StreamNode>>, node: StatefulNode<StreamNode>): void {
  const { stateId } = node;
  if (stateId === null) return;
  if (typeof stateId !== 'string' || !/^[\w.:-]{1,128}$/.test(stateId)) {
    throw invalid(
      `the id of ${nameOf(node)} is ${JSON.stringify(stateId)}: give 1 to 128 letters, digits, or _ . : -, the same in every version of the program`,
    );
  }
  const other = ids.get(stateId);
  if (other !== undefined) {
    throw invalid(`${nameOf(node)} and ${nameOf(other)} have the id ${JSON.stringify(stateId)}: give each its own`);
  }
  ids.set(stateId, node);
}

function invalid(message: string, option?: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, option === undefined ? {} : { subject: { option } });
}
