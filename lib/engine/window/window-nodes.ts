import type { PairKey } from '../key.ts';
import type { StreamNode } from '../node.ts';
import type { NodeHead } from '../node-head.ts';
import type { StatefulNode } from '../stateful-node.ts';
import type { ValueFunction } from './counted.ts';
import { type InverseMemory, initialInverseMemory, inverseStep } from './inverse-step.ts';
import { inverseWindowPersistence, windowPersistence } from './pane-persistence.ts';
import type { WindowSpan } from './panes.ts';
import { type WindowMemory, windowStep } from './window-step.ts';

/** How long a window is, and how often it is given; absent: as often as its stream. Milliseconds. */
export interface WindowLength {
  readonly windowMillis: number;
  readonly slideMillis?: number | undefined;
}

/** The node of a window over everything that its parent gives. */
export function windowNode(head: NodeHead, parent: StreamNode, length: WindowLength): StreamNode {
  const node: StatefulNode<StreamNode, WindowMemory> = {
    ...head,
    tag: 'stateful',
    parents: [parent],
    stateId: null,
    needsStore: false,
    windowMillis: length.windowMillis,
    slideMillis: length.slideMillis,
    sees: 'each',
    partial: false,
    keepsKeys: true,
    persistence: windowPersistence,
    initial: () => [],
    step: (memory, given, context) => windowStep(spanOf(length, context))(memory, given, context),
  };
  return node as StatefulNode<StreamNode>;
}

/** What the node of a window with an inverse function is made of. */
export interface InverseWindow extends WindowLength {
  readonly f: ValueFunction;
  readonly inverse: ValueFunction;
  readonly filter?: ((key: PairKey, value: unknown) => boolean) | undefined;
  readonly partial: boolean;
}

/** The node of a reduced window that is carried on from the last one. Its parent gives pairs. */
export function inverseWindowNode(head: NodeHead, parent: StreamNode, window: InverseWindow): StreamNode {
  const { f, inverse, filter, partial } = window;
  const node: StatefulNode<StreamNode, InverseMemory> = {
    ...head,
    tag: 'stateful',
    parents: [parent],
    stateId: null,
    needsStore: true,
    windowMillis: window.windowMillis,
    slideMillis: window.slideMillis,
    sees: 'keyed',
    partial,
    keepsKeys: true,
    persistence: inverseWindowPersistence(partial),
    initial: () => initialInverseMemory,
    step: (memory, given, context) =>
      inverseStep({ span: spanOf(window, context), f, inverse, filter })(memory, given, context),
  };
  return node as StatefulNode<StreamNode>;
}

/** Without a slide of its own a window is asked for as often as there may be a batch. */
function spanOf({ windowMillis, slideMillis }: WindowLength, context: { batchIntervalMillis: number }): WindowSpan {
  return { windowMillis, slideMillis: slideMillis ?? context.batchIntervalMillis };
}
