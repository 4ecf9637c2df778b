import type { ShardView } from '../../monitor/snapshot/snapshot.ts';

/** A shard in the picture: which column and row it stands in, from 0. */
export interface LineageNode {
  readonly key: string;
  readonly shardId: string;
  /** `undefined`: known as somebody's parent or child only. */
  readonly shard: ShardView | undefined;
  readonly column: number;
  readonly row: number;
}

/** A line from a parent to a child. */
export interface LineageEdge {
  readonly from: string;
  readonly to: string;
}

/** What the picture shows, and what it leaves out. */
export interface LineagePlan {
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
  readonly columns: number;
  readonly rows: number;
  /** Shards that were neither split nor merged, which the picture has no line for. */
  readonly alone: number;
  /** Shards of families beyond the limit. */
  readonly leftOut: number;
}

/** The most shards that are drawn. */
export const drawnShards = 120;

const keyOf = (streamName: string, shardId: string) => `${streamName} ${shardId}`;

/**
 * Lays out families of shards: a family is what splits and merges connect. A shard stands one column right of its last
 * parent. The newest families first, since their splits and merges are what people look for; `chosen` is always drawn.
 */
export function planLineage(shards: readonly ShardView[], chosen?: string): LineagePlan {
  const known = new Map(shards.map((shard) => [keyOf(shard.streamName, shard.shardId), shard]));
  const edges = edgesOf(shards);
  const families = familiesOf(edges);
  const ordered = families.toSorted(
    (a, b) => rank(b, chosen) - rank(a, chosen) || compare(b.at(-1) ?? '', a.at(-1) ?? ''),
  );
  const nodes: LineageNode[] = [];
  let rows = 0;
  let leftOut = 0;
  for (const family of ordered) {
    if (nodes.length > 0 && nodes.length + family.length > drawnShards) {
      leftOut += family.length;
      continue;
    }
    const drawn = family.slice(-drawnShards);
    leftOut += family.length - drawn.length;
    rows += place(drawn, edges, known, rows, nodes);
  }
  const drawn = new Set(nodes.map(({ key }) => key));
  return {
    nodes,
    edges: edges.filter(({ from, to }) => drawn.has(from) && drawn.has(to)),
    columns: nodes.reduce((most, { column }) => Math.max(most, column + 1), 0),
    rows,
    alone: shards.length - families.flat().filter((key) => known.has(key)).length,
    leftOut,
  };
}

function edgesOf(shards: readonly ShardView[]): LineageEdge[] {
  const edges = new Map<string, LineageEdge>();
  const add = (from: string, to: string) => edges.set(`${from}>${to}`, { from, to });
  for (const { streamName, shardId, parents, children } of shards) {
    const own = keyOf(streamName, shardId);
    for (const parent of parents) add(keyOf(streamName, parent), own);
    for (const child of children) add(own, keyOf(streamName, child));
  }
  return Array.from(edges.values());
}

/** The keys of each family in order. */
function familiesOf(edges: readonly LineageEdge[]): string[][] {
  const family = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    const one = family.get(from) ?? new Set([from]);
    const other = family.get(to) ?? new Set([to]);
    const [larger, smaller] = one.size >= other.size ? [one, other] : [other, one];
    for (const key of [...smaller, from, to]) {
      larger.add(key);
      family.set(key, larger);
    }
  }
  return Array.from(new Set(family.values()), (keys) => Array.from(keys).toSorted(compare));
}

/** Puts a family below the rows that are taken; how many rows it takes. */
function place(
  keys: readonly string[],
  edges: readonly LineageEdge[],
  known: ReadonlyMap<string, ShardView>,
  firstRow: number,
  nodes: LineageNode[],
): number {
  const columns = columnsOf(keys, edges);
  const rows = new Map<string, number>();
  const columnCount = Math.max(...columns.values()) + 1;
  let most = 1;
  for (let column = 0; column < columnCount; column += 1) {
    const members = keys.filter((key) => columns.get(key) === column);
    // A child stands as high as its parents do on average, so that few lines cross.
    const heights = new Map(members.map((key) => [key, heightOf(key, edges, rows)]));
    members.sort((a, b) => (heights.get(a) ?? 0) - (heights.get(b) ?? 0) || compare(a, b));
    for (const [row, key] of members.entries()) {
      rows.set(key, row);
      nodes.push({ key, shardId: key.slice(key.indexOf(' ') + 1), shard: known.get(key), column, row: firstRow + row });
    }
    most = Math.max(most, members.length);
  }
  return most;
}

function heightOf(key: string, edges: readonly LineageEdge[], rows: ReadonlyMap<string, number>): number {
  const above = edges.filter(({ to }) => to === key).map(({ from }) => rows.get(from) ?? 0);
  return above.length === 0 ? 0 : above.reduce((sum, row) => sum + row, 0) / above.length;
}

/** The longest way from a shard without parents; a ring, which no stream has, ends the count at the size of the family. */
function columnsOf(keys: readonly string[], edges: readonly LineageEdge[]): Map<string, number> {
  const columns = new Map(keys.map((key) => [key, 0]));
  const inside = edges.filter(({ from, to }) => columns.has(from) && columns.has(to));
  for (let round = 0; round < keys.length; round += 1) {
    let hasMoved = false;
    for (const { from, to } of inside) {
      const least = (columns.get(from) ?? 0) + 1;
      if ((columns.get(to) ?? 0) >= least || least >= keys.length) continue;
      columns.set(to, least);
      hasMoved = true;
    }
    if (!hasMoved) break;
  }
  return columns;
}

function rank(family: readonly string[], chosen: string | undefined): number {
  return chosen !== undefined && family.includes(chosen) ? 1 : 0;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
