import { isThenable } from '../../base/thenable.ts';

/** What a walk over many items goes by. */
export interface Pace {
  /** Throws when the walk is to end; a promise lets others have their turn. */
  readonly breathe: () => Promise<void> | undefined;
}

/** After how many items others are asked about. */
const itemsPerTurn = 256;

/**
 * Calls a function for each item, one after the other. The answer is a promise only when the function returned one, or
 * when it was time for other work: sync functions cost none.
 */
export function each<T>(items: Iterable<T>, act: (item: T) => unknown, pace: Pace): void | Promise<void> {
  const walk: Walk<T> = { items: items[Symbol.iterator](), act, pace, count: 0 };
  const pending = goOn(walk);
  if (pending !== undefined) return goOnAsync(walk, pending);
}

interface Walk<T> {
  readonly items: Iterator<T>;
  readonly act: (item: T) => unknown;
  readonly pace: Pace;
  count: number;
}

/** Walks until something returns a promise; `undefined` at the end. */
function goOn<T>(walk: Walk<T>): PromiseLike<unknown> | undefined {
  const { items, act, pace } = walk;
  for (let next = items.next(); next.done !== true; next = items.next()) {
    const result = act(next.value);
    walk.count += 1;
    if (isThenable(result)) return result;
    if (walk.count % itemsPerTurn !== 0) continue;
    const turn = pace.breathe();
    if (turn !== undefined) return turn;
  }
  return undefined;
}

async function goOnAsync<T>(walk: Walk<T>, first: PromiseLike<unknown>): Promise<void> {
  for (let pending: PromiseLike<unknown> | undefined = first; pending !== undefined; pending = goOn(walk)) {
    await pending;
    // Also says that something moves: a function that answers slowly is not one that does not answer.
    const turn = walk.pace.breathe();
    if (turn !== undefined) await turn;
  }
}
