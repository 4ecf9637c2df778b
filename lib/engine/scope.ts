import { type StreamNode, nameOf } from './node.ts';

/**
 * Who computes a plan, and what commits together. `shard`: every worker, each shard on a line of its own.
 * `application`: one process for all shards.
 */
export type Scope = 'shard' | 'application';

/** A scope with the reason for it. */
export interface ScopeDecision {
  readonly scope: Scope;
  readonly scopeReason: string;
}

/**
 * Derives the scope from the nodes that the outputs need: `application` as soon as one of them must see the records
 * of all shards, else `shard`.
 */
export function deriveScope(nodes: readonly StreamNode[]): ScopeDecision {
  for (const node of nodes) {
    const reason = needsAllShards(node);
    if (reason !== undefined) return { scope: 'application', scopeReason: reason };
  }
  const partial = nodes.find((node) => node.tag === 'reduceByKey');
  if (partial !== undefined) {
    return {
      scope: 'shard',
      scopeReason: `${nameOf(partial)} is declared partial: each shard gives its own results, and their reader merges them`,
    };
  }
  return { scope: 'shard', scopeReason: 'no operator puts records of several shards together' };
}

/** The scope with its reason as one line, for the log at start. */
export function describeScope(decision: ScopeDecision): string {
  const who =
    decision.scope === 'shard'
      ? 'every worker computes the shards that it holds, each on its own line'
      : 'one process computes all shards';
  return `${decision.scope} scope (${who}): ${decision.scopeReason}`;
}

/** Why one shard alone is not enough for the node; `undefined` when it is. */
function needsAllShards(node: StreamNode): string | undefined {
  switch (node.tag) {
    case 'count':
      return `${nameOf(node)} gives one number for the records of all shards`;
    case 'reduceByKey':
      if (node.partial) return undefined;
      return `${nameOf(node)} puts the values of a key of all shards together; where partial results are enough, say { partial: true }`;
    default:
      return undefined;
  }
}
