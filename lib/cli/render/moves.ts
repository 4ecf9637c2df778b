import type { SeekMove, SeekRequest } from '../../app/admin.ts';
import { type Canvas, type Cell, table } from './table.ts';

/** What a seek does to each shard, or would do, as a table; where it goes to a time, with that time. */
export function movesTable(moves: readonly SeekMove[], place: SeekRequest['to'], canvas: Canvas): string {
  if (moves.length === 0) return 'nothing to move\n';
  const rows = moves.map(({ shardId, from, to, evicted, applied }): Cell[] => [
    shardId,
    from ?? { text: 'no lease', tone: 'faint' },
    place instanceof Date ? place.toISOString() : to,
    evicted ?? { text: '-', tone: 'faint' },
    applied ? { text: 'done', tone: 'good' } : 'planned',
  ]);
  const columns = [
    { title: 'shard', canShrink: true },
    { title: 'from', canShrink: true },
    { title: 'to', canShrink: !(place instanceof Date) },
    { title: 'taken from', canShrink: true },
    { title: 'seek' },
  ];
  return table(columns, rows, canvas);
}
