import { checkPair } from './key.ts';
import type { ErasedFunction, NarrowNode, OperatorContext } from './node.ts';
import { nameOf } from './node-head.ts';
import { wrongShape } from './operator-fault.ts';
import type { Pulse } from './pulse.ts';
import { isThenable } from '../base/thenable.ts';

/** Puts what a user function returned for an item into the output. */
type Place = (out: unknown[], item: unknown, result: unknown) => void;

/**
 * Runs one narrow operator over items of one partition. The answer is a promise only when a user function returned one:
 * sync functions cost no promise at all, and an async one is awaited item by item, in order.
 */
export function applyNarrow(
  node: NarrowNode,
  items: readonly unknown[],
  context: OperatorContext,
  pulse: Pulse,
): unknown[] | Promise<unknown[]> {
  const { f } = node;
  const call: ErasedFunction = takesValue(node) ? (item) => f((item as [unknown, unknown])[1], context) : f;
  const place = placeOf(node);
  const out: unknown[] = [];
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const result = call(item, context);
    if (isThenable(result)) return goOnAsync({ items, index, result, out, call, place, context, pulse });
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
  readonly context: OperatorContext;
  readonly pulse: Pulse;
}

async function goOnAsync(work: Interrupted): Promise<unknown[]> {
  const { items, out, call, place, context, pulse } = work;
  place(out, items[work.index], await work.result);
  for (let index = work.index + 1; index < items.length; index += 1) {
    pulse();
    const item = items[index];
    const result = call(item, context);
    place(out, item, isThenable(result) ? await result : result);
  }
  return out;
}

function takesValue(node: NarrowNode): boolean {
  return node.kind === 'mapValues' || node.kind === 'flatMapValues';
}

function placeOf(node: NarrowNode): Place {
  switch (node.kind) {
    case 'map':
      return (out, _item, result) => void out.push(result);
    case 'flatMap':
      return (out, _item, result) => {
        for (const each of iterable(node, result)) out.push(each);
      };
    case 'filter':
      return (out, item, result) => {
        if (result) out.push(item);
      };
    case 'mapToPair':
    case 'keyByPartitionKey': {
      const name = nameOf(node);
      return (out, _item, result) => void out.push(checkPair(result, name));
    }
    case 'flatMapToPair': {
      const name = nameOf(node);
      return (out, _item, result) => {
        for (const each of iterable(node, result)) out.push(checkPair(each, name));
      };
    }
    case 'mapValues':
      return (out, item, result) => void out.push([(item as [unknown, unknown])[0], result]);
    case 'flatMapValues':
      return (out, item, result) => {
        for (const each of iterable(node, result)) out.push([(item as [unknown, unknown])[0], each]);
      };
  }
}

function iterable(node: NarrowNode, result: unknown): Iterable<unknown> {
  if (Array.isArray(result) || isIterable(result)) return result;
  throw wrongShape(node, result, 'an iterable, for example an array,');
}

/** Whether a value can be gone through with `for of`. */
export function isIterable(value: unknown): value is Iterable<unknown> {
  return value !== null && value !== undefined && typeof (value as Iterable<unknown>)[Symbol.iterator] === 'function';
}
