import type { Persistence } from '../persistence.ts';
import type { Plan } from '../plan.ts';

/** By the key of its state, how each operator of a plan that remembers is written down. */
export function codecsOf({
  keepers,
  stateKeys,
  slides,
  batchIntervalMillis,
}: Pick<Plan, 'keepers' | 'stateKeys' | 'slides' | 'batchIntervalMillis'>): ReadonlyMap<string, Persistence> {
  return new Map(
    keepers.map(({ id, windowMillis, persistence }) => {
      const slideMillis = slides.get(id) ?? batchIntervalMillis;
      const isWindow = windowMillis !== undefined && persistence.retimed !== undefined;
      const codec = isWindow ? { ...persistence, span: { windowMillis, slideMillis } } : persistence;
      return [stateKeys.get(id) as string, codec];
    }),
  );
}
