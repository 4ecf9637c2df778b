import type { Given } from './given.ts';
import type { LocalSource } from './local-source.ts';

/** Options of `queueStream`. */
export interface QueueStreamOptions<T> {
  /** `true` (Spark's default): one entry of the queue a batch. `false`: all that are there, together. */
  readonly oneAtATime?: boolean;
  /** What the stream gives when the queue is empty; without it, an empty batch. */
  readonly whenEmpty?: readonly T[];
}

/** Gives the entries of an array that the program may go on filling, each entry as one partition. */
export function queueSource<T>(queue: (readonly T[])[], options: QueueStreamOptions<T> = {}): LocalSource {
  const { oneAtATime = true, whenEmpty = [] } = options;
  return {
    take: () => {
      const taken = queue.splice(0, oneAtATime ? 1 : queue.length);
      return taken.length === 0 ? [whenEmpty] : taken;
    },
  };
}

/** What a function of `generatorStream` is told. */
export interface GeneratorContext {
  /** The batch time, milliseconds since 1970. */
  readonly batchTimeMillis: number;
  /** Aborts when the batch is given up. */
  readonly signal: AbortSignal;
}

/** What a function of `generatorStream` may answer: items, or `null` for no batch at this time. */
export type Generated<T> = Iterable<T> | null;

/** Gives what a function makes of each batch time. */
export function generatorSource<T>(
  generate: (context: GeneratorContext) => Generated<T> | PromiseLike<Generated<T>>,
): LocalSource {
  return {
    take: async (batchTimeMillis, signal): Promise<Given> => {
      const items = await generate({ batchTimeMillis, signal });
      return items === null ? null : [[...items]];
    },
  };
}
