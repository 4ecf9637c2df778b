import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { ShardView } from '../../monitor/snapshot/snapshot.ts';
import { count, duration, shortShard } from './format.ts';
import { type LineageNode, planLineage } from './lineage.ts';
import { addressOf } from './route.ts';

const width = 120;
const height = 30;
const gapX = 56;
const gapY = 10;

/** The splits and merges of the shards, parents on the left. */
export function Lineage({
  shards,
  chosen,
}: {
  readonly shards: readonly ShardView[];
  readonly chosen: string | undefined;
}): JSX.Element {
  // Drawn anew only when the family itself or the state of a member has changed, not with every read.
  const shape = shards
    .map(({ shardId, state, parents, children, owner }) =>
      [shardId, state, ...parents, ...children, owner === null].join(' '),
    )
    .join();
  const plan = useMemo(() => planLineage(shards, chosen), [shape, chosen]);
  if (plan.nodes.length === 0) {
    return <p class="muted pad">{`No shard was split or merged: ${count(plan.alone)} shards without relatives.`}</p>;
  }
  const places = new Map(plan.nodes.map((node) => [node.key, placeOf(node)]));
  const size = { x: plan.columns * (width + gapX) - gapX + 4, y: plan.rows * (height + gapY) - gapY + 4 };
  return (
    <>
      <div class="lineage" tabIndex={0} role="region" aria-label="Lineage of shards">
        <svg
          width={size.x}
          height={size.y}
          role="img"
          aria-label={`${plan.nodes.length} shards and their ${plan.edges.length} splits and merges`}
        >
          {plan.edges.map(({ from, to }) => {
            const [a, b] = [places.get(from), places.get(to)];
            return a === undefined || b === undefined ? null : (
              <path key={`${from}>${to}`} class="edge" d={curve(a, b)} />
            );
          })}
          {plan.nodes.map((node) => (
            <Shard key={node.key} node={node} isChosen={node.key === chosen} />
          ))}
        </svg>
      </div>
      <p class="muted pad">
        {`${count(plan.alone)} shards without relatives`}
        {plan.leftOut > 0 && `, ${count(plan.leftOut)} of older families left out`}
      </p>
    </>
  );
}

function Shard({ node, isChosen }: { readonly node: LineageNode; readonly isChosen: boolean }): JSX.Element {
  const { shard, shardId } = node;
  const { x, y } = placeOf(node);
  const state = shard?.state ?? 'elsewhere';
  return (
    <a href={addressOf('shards', node.key)} aria-label={`${shardId}, ${state}`}>
      <title>{`${shardId}: ${state}${shard === undefined ? '' : `, ${duration(shard.millisBehindLatest)} behind`}`}</title>
      <rect
        class={`shard shard-${/^[a-zA-Z]+$/.test(state) ? state : 'other'} ${isChosen ? 'shard-chosen' : ''}`}
        x={x}
        y={y}
        width={width}
        height={height}
        rx="6"
      />
      <text x={x + 10} y={y + 19}>
        {shortShard(shardId).slice(0, 9)}
      </text>
      <text class="shard-state" x={x + width - 8} y={y + 19} text-anchor="end">
        {state}
      </text>
    </a>
  );
}

function placeOf({ column, row }: LineageNode): { readonly x: number; readonly y: number } {
  return { x: 2 + column * (width + gapX), y: 2 + row * (height + gapY) };
}

function curve(a: { readonly x: number; readonly y: number }, b: { readonly x: number; readonly y: number }): string {
  const [x1, y1, x2, y2] = [a.x + width, a.y + height / 2, b.x, b.y + height / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}
