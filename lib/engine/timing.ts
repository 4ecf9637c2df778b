import { type StreamNode, parentsOf } from './node.ts';

/** What {@link isDue} goes by, milliseconds. */
export interface DueTimes {
  readonly batchTimeMillis: number;
  readonly zeroTimeMillis: number;
  readonly slideMillis: number;
  readonly batchIntervalMillis: number;
}

/**
 * Whether a stream gives a batch at a time: at its zero time + k x slide, k from 1 (Spark's rule). One that gives a batch as
 * often as there is one gives it at every time: a batch that an earlier run planned, when the interval was another, lies
 * between the times of this one, and what it holds is committed with it.
 */
export function isDue({ batchTimeMillis, zeroTimeMillis, slideMillis, batchIntervalMillis }: DueTimes): boolean {
  if (batchTimeMillis <= zeroTimeMillis) return false;
  return slideMillis === batchIntervalMillis || (batchTimeMillis - zeroTimeMillis) % slideMillis === 0;
}

/**
 * How often each stream gives a batch, milliseconds, by node id: an input at every batch, a window as it says, all
 * others as often as their first parent. Give the nodes in declaration order, which puts parents first.
 */
export function slidesOf(nodes: readonly StreamNode[], batchIntervalMillis: number): Map<number, number> {
  const slides = new Map<number, number>();
  for (const node of nodes) {
    const parent = parentsOf(node)[0];
    const inherited = parent === undefined ? batchIntervalMillis : slides.get(parent.id);
    const own = node.tag === 'stateful' ? node.slideMillis : undefined;
    slides.set(node.id, own ?? inherited ?? batchIntervalMillis);
  }
  return slides;
}
