import { type StreamNode, parentsOf } from './node.ts';
import { nameOf } from './node-head.ts';

/**
 * Who computes a plan, and what commits together. `shard`: every worker, each shard on a line of its own.
 * `application`: one process for all shards.
 */
export type Scope = 'shard' | 'application';

/** The commit group of a plan of `application` scope. */
export const applicationGroup = 'application';

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
  const partial = nodes.find((node) => 'partial' in node && node.partial);
  if (partial !== undefined) {
    return {
      scope: 'shard',
      scopeReason: `${nameOf(partial)} is declared partial: each shard gives its own results, and their reader merges them`,
    };
  }
  const placed = nodes.find((node) => node.tag === 'narrow' && node.kind === 'keyByPartitionKey');
  if (placed !== undefined) {
    return {
      scope: 'shard',
      scopeReason: `the keys are those of ${nameOf(placed)}, and all records of a partition key are in one shard`,
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

const sayPartial = 'where results per shard are enough, say { partial: true }';

/** Why one shard alone is not enough for the node; `undefined` when it is. */
function needsAllShards(node: StreamNode): string | undefined {
  if (node.tag === 'input') {
    return node.from === 'local' ? `${nameOf(node)} is read in this process, not from a shard` : undefined;
  }
  if ('partial' in node && node.partial) return undefined;
  switch (node.tag) {
    case 'fold':
      return `${nameOf(node)} gives one result for the records of all shards; ${sayPartial}`;
    case 'combine':
      if (keysArePlaced(node.parent)) return undefined;
      return `${nameOf(node)} puts the values of a key of all shards together; ${sayPartial}`;
    case 'cogroup':
      if (keysMeetInShard(node.parents)) return undefined;
      return `${nameOf(node)} brings together the values of a key of all shards`;
    case 'transform':
      return `the function of ${nameOf(node)} sees whole batches, of all shards; ${sayPartial}`;
    case 'stateful':
      if (node.sees === 'each' || (node.sees === 'keyed' && node.parents.every(keysArePlaced))) return undefined;
      return `${nameOf(node)} remembers what came from all shards`;
    default:
      return undefined;
  }
}

/** Whether all pairs of a key are in one shard, because the key is the partition key of the records. */
function keysArePlaced(node: StreamNode): boolean {
  switch (node.tag) {
    case 'narrow':
      if (node.kind === 'keyByPartitionKey') return true;
      return ['filter', 'mapValues', 'flatMapValues'].includes(node.kind) && keysArePlaced(node.parent);
    case 'combine':
    case 'repartition':
      return keysArePlaced(node.parent);
    case 'union':
    case 'cogroup':
      return keysMeetInShard(node.parents);
    case 'stateful':
      return node.keepsKeys && node.parents.every(keysArePlaced);
    default:
      return false;
  }
}

/** Whether the keys of several streams are placed by the shards of one and the same Kinesis stream. */
function keysMeetInShard(parents: readonly StreamNode[]): boolean {
  return parents.every(keysArePlaced) && new Set(parents.flatMap((parent) => [...inputsBelow(parent)])).size === 1;
}

function inputsBelow(node: StreamNode): ReadonlySet<number> {
  if (node.tag === 'input') return new Set([node.id]);
  return new Set(parentsOf(node).flatMap((parent) => [...inputsBelow(parent)]));
}
