import type { StreamNode } from './node.ts';

/**
 * Under which key each operator that remembers keeps its memory, by node id: the id that the program gave, else
 * `<operator>#<n>`, the n-th such operator without an id. Ids cannot hold `#`, so that the two never meet.
 */
export function stateKeysOf(nodes: readonly StreamNode[]): Map<number, string> {
  const keys = new Map<number, string>();
  const counted = new Map<string, number>();
  for (const node of nodes) {
    if (node.tag !== 'stateful') continue;
    const number = (counted.get(node.operator) ?? 0) + 1;
    if (node.stateId === null) counted.set(node.operator, number);
    keys.set(node.id, node.stateId ?? `${node.operator}#${number}`);
  }
  return keys;
}
