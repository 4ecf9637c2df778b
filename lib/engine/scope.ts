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
  const byShard = placedByShard(nodes);
  for (const node of nodes) {
    const reason = needsAllShards(node, byShard);
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
function needsAllShards(node: StreamNode, placed: ReadonlySet<StreamNode>): string | undefined {
  if (node.tag === 'input') {
    return node.from === 'local' ? `${nameOf(node)} is read in this process, not from a shard` : undefined;
  }
  if ('partial' in node && node.partial) return undefined;
  switch (node.tag) {
    case 'fold':
      return `${nameOf(node)} gives one result for the records of all shards; ${sayPartial}`;
    case 'combine':
      if (placed.has(node.parent)) return undefined;
      return `${nameOf(node)} puts the values of a key of all shards together; ${sayPartial}`;
    case 'cogroup':
      if (keysMeetInShard(node.parents, placed)) return undefined;
      return `${nameOf(node)} brings together the values of a key of all shards`;
    case 'transform':
      return `the function of ${nameOf(node)} sees whole batches, of all shards; ${sayPartial}`;
    case 'stateful':
      if (node.sees === 'each' || (node.sees === 'keyed' && node.parents.every((parent) => placed.has(parent))))
        return undefined;
      return `${nameOf(node)} remembers what came from all shards`;
    default:
      return undefined;
  }
}

/**
 * The streams all of whose pairs of a key are in one shard, because the key is the partition key of the records. Give
 * the nodes in declaration order, which puts parents first.
 */
function placedByShard(nodes: readonly StreamNode[]): ReadonlySet<StreamNode> {
  const placed = new Set<StreamNode>();
  for (const node of nodes) if (isPlaced(node, placed)) placed.add(node);
  return placed;
}

function isPlaced(node: StreamNode, placed: ReadonlySet<StreamNode>): boolean {
  switch (node.tag) {
    case 'narrow':
      if (node.kind === 'keyByPartitionKey') return true;
      return ['filter', 'mapValues', 'flatMapValues'].includes(node.kind) && placed.has(node.parent);
    case 'combine':
    case 'repartition':
      return placed.has(node.parent);
    case 'union':
    case 'cogroup':
      return keysMeetInShard(node.parents, placed);
    case 'stateful':
      return node.keepsKeys && node.parents.every((parent) => placed.has(parent));
    default:
      return false;
  }
}

/** Whether the keys of several streams are placed by the shards of one and the same Kinesis stream. */
function keysMeetInShard(parents: readonly StreamNode[], placed: ReadonlySet<StreamNode>): boolean {
  if (!parents.every((parent) => placed.has(parent))) return false;
  return new Set(parents.flatMap((parent) => [...inputsBelow(parent)])).size === 1;
}

/** The ids of the inputs that a stream is made of. */
function inputsBelow(from: StreamNode): ReadonlySet<number> {
  const inputs = new Set<number>();
  const seen = new Set<number>();
  const left = [from];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (seen.has(node.id)) continue;
    seen.add(node.id);
    if (node.tag === 'input') inputs.add(node.id);
    left.push(...parentsOf(node));
  }
  return inputs;
}
