import { duration } from './duration.ts';
import type { Tone } from './palette.ts';
import { type Canvas, type Cell, table } from './table.ts';

/** How far one shard is behind, and who reads it. */
export interface LagRow {
  readonly shardId: string;
  readonly millisBehindLatest: number;
  readonly leaseOwner?: string;
  readonly checkpoint?: string;
}

/** From here on a lag is shown as one. */
const noticeableMillis = 60_000;
/** The default retention of a stream is a day: a lag of half of it is an alarm. */
const alarmingMillis = 43_200_000;

/** The lags of an application as a table, the greatest first. */
export function lagTable(rows: readonly LagRow[], canvas: Canvas): string {
  if (rows.length === 0) return 'no shard is being read: the application has no lease that is not at its end\n';
  const sorted = rows.toSorted((a, b) => b.millisBehindLatest - a.millisBehindLatest);
  const cells = sorted.map(({ shardId, millisBehindLatest, leaseOwner, checkpoint }): Cell[] => [
    shardId,
    { text: duration(millisBehindLatest), tone: toneOf(millisBehindLatest) },
    leaseOwner ?? { text: '-', tone: 'faint' },
    checkpoint ?? '',
  ]);
  const columns = [
    { title: 'shard', canShrink: true },
    { title: 'behind', align: 'right' as const },
    { title: 'owner', canShrink: true },
    { title: 'checkpoint', canShrink: true },
  ];
  const most = duration(sorted[0]?.millisBehindLatest ?? 0);
  return `${table(columns, cells, canvas)}${rows.length} shards, at most ${most} behind\n`;
}

function toneOf(millis: number): Tone {
  if (millis >= alarmingMillis) return 'bad';
  return millis >= noticeableMillis ? 'warning' : 'good';
}
