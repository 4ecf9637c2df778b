import type { ShardView } from '../../app/stream-shards.ts';
import { type Canvas, type Cell, table } from './table.ts';

/** The shards of a stream as a table. */
export function shardsTable(shards: readonly ShardView[], canvas: Canvas): string {
  const rows = shards.map((shard): Cell[] => [
    shard.shardId,
    shard.isOpen ? { text: 'open', tone: 'good' } : { text: 'closed', tone: 'faint' },
    `${(shard.share * 100).toFixed(1)} %`,
    shard.parentShardIds.join(' '),
    shard.startingHashKey,
    shard.endingHashKey,
  ]);
  const columns = [
    { title: 'shard', canShrink: true },
    { title: 'state' },
    { title: 'keys', align: 'right' as const },
    { title: 'parents', canShrink: true },
    { title: 'first hash key', align: 'right' as const, canShrink: true },
    { title: 'last hash key', align: 'right' as const, canShrink: true },
  ];
  const open = shards.filter((shard) => shard.isOpen).length;
  return `${table(columns, rows, canvas)}${open} open, ${shards.length - open} closed\n`;
}
