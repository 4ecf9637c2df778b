import type { Given, Partitions } from '../given.ts';
import type { Step, StepContext } from '../stateful-node.ts';
import { type Panes, type WindowSpan, nextWindowEnd, panesIn, withPane } from './panes.ts';

/** What a window remembers: the partitions of the batches in it, as they came. */
export type WindowMemory = Panes<Partitions>;

/**
 * The step of a window: the partitions of its batches, one after the other. Where the stream gave nothing there is no
 * pane; a window of no panes is an empty batch (Spark's rule).
 */
export function windowStep(span: WindowSpan) {
  return (before: WindowMemory, [given = null]: readonly Given[], context: StepContext): Step<WindowMemory> => {
    const { batchTimeMillis, isDue } = context;
    // What has no partition adds nothing to a window, and would make of every empty batch a change of the state.
    const isNothing = given === null || given.length === 0;
    const pane = isNothing ? undefined : { timeMillis: batchTimeMillis, content: given };
    const memory = withPane(before, pane, nextWindowEnd(context, span) - span.windowMillis);
    if (!isDue) return { memory, given: null };
    const held = panesIn(memory, batchTimeMillis - span.windowMillis, batchTimeMillis);
    return { memory, given: held.flatMap(({ content }) => content) };
  };
}
