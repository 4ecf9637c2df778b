import type { Persistence } from '../persistence.ts';
import type { Plan } from '../plan.ts';

/** By the key of its state, how each operator of a plan that remembers is written down. */
export function codecsOf({
  keepers,
  stateKeys,
}: Pick<Plan, 'keepers' | 'stateKeys'>): ReadonlyMap<string, Persistence> {
  return new Map(keepers.map((node) => [stateKeys.get(node.id) as string, node.persistence]));
}
