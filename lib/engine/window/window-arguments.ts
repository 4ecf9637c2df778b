import type { ValueFunction } from './counted.ts';

/** The arguments of a reduced window after the first function. */
export interface WindowArguments<Options> {
  readonly inverse: ValueFunction | undefined;
  readonly windowMillis: number;
  readonly slideMillis: number | undefined;
  readonly options: Options;
}

/** Tells the two forms of a reduced window apart, as Spark's overloads do: `(f, window, ...)`, `(f, inverse, window, ...)`. */
export function windowArguments<Options>(rest: readonly unknown[]): WindowArguments<Options> {
  const hasInverse = typeof rest[0] === 'function';
  const [windowMillis, slideMillis, options = {}] = hasInverse ? rest.slice(1) : rest;
  return {
    inverse: hasInverse ? (rest[0] as ValueFunction) : undefined,
    windowMillis: windowMillis as number,
    slideMillis: slideMillis as number | undefined,
    options: options as Options,
  };
}
