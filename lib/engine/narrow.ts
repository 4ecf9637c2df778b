import { checkPair } from './key.ts';
import { type ErasedFunction, type NarrowNode, nameOf } from './node.ts';
import { isThenable } from './thenable.ts';

/** Puts what a user function returned for an item into the output. */
type Place = (out: unknown[], item: unknown, result: unknown) => void;

/**
 * Runs one narrow operator over one partition. The answer is a promise only when a user function returned one: sync
 * functions cost no promise at all, and an async one is awaited item by item, in order.
 */
export function applyNarrow(
  node: NarrowNode,
  items: readonly unknown[],
  signal: AbortSignal,
): unknown[] | Promise<unknown[]> {
  const call: ErasedFunction = node.kind === 'mapValues' ? (item) => node.f((item as [unknown, unknown])[1]) : node.f;
  const place = placeOf(node);
  const out: unknown[] = [];
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const result = call(item);
    if (isThenable(result)) return goOnAsync({ items, index, result, out, call, place, signal });
    place(out, item, result);
  }
  return out;
}

/** Where the sync loop met its first promise. */
interface Interrupted {
  readonly items: readonly unknown[];
  readonly index: number;
  readonly result: PromiseLike<unknown>;
  readonly out: unknown[];
  readonly call: ErasedFunction;
  readonly place: Place;
  readonly signal: AbortSignal;
}

async function goOnAsync(work: Interrupted): Promise<unknown[]> {
  const { items, out, call, place, signal } = work;
  place(out, items[work.index], await work.result);
  for (let index = work.index + 1; index < items.length; index += 1) {
    signal.throwIfAborted();
    const item = items[index];
    const result = call(item);
    place(out, item, isThenable(result) ? await result : result);
  }
  return out;
}

function placeOf(node: NarrowNode): Place {
  switch (node.kind) {
    case 'map':
      return (out, _item, result) => void out.push(result);
    case 'flatMap':
      return (out, _item, result) => {
        for (const each of result as Iterable<unknown>) out.push(each);
      };
    case 'filter':
      return (out, item, result) => {
        if (result) out.push(item);
      };
    case 'mapToPair': {
      const name = nameOf(node);
      return (out, _item, result) => void out.push(checkPair(result, name));
    }
    case 'mapValues':
      return (out, item, result) => void out.push([(item as [unknown, unknown])[0], result]);
  }
}
