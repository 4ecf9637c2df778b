import type { ShardView } from '../../../monitor/snapshot/snapshot.ts';
import { ago, bytes, count, duration, rate, shortPosition } from '../format.ts';
import { Badge, ErrorText, type Tone } from '../parts.tsx';
import { addressOf } from '../route.ts';
import type { Column } from '../table.tsx';

/** What names a shard on this page. */
export function keyOf({ streamName, shardId }: ShardView): string {
  return `${streamName} ${shardId}`;
}

const tones: Readonly<Record<string, Tone>> = {
  reading: 'good',
  held: 'calm',
  draining: 'warn',
  failed: 'bad',
  ended: 'calm',
  gone: 'calm',
};

const figures: readonly Column<ShardView>[] = [
  {
    title: 'Lag',
    isNumber: true,
    cell: ({ millisBehindLatest }) => duration(millisBehindLatest),
    sortBy: ({ millisBehindLatest }) => millisBehindLatest ?? -1,
  },
  {
    title: 'Records/s',
    isNumber: true,
    cell: ({ recordsPerSecond }) => rate(recordsPerSecond),
    sortBy: ({ recordsPerSecond }) => recordsPerSecond,
  },
  {
    title: 'Bytes/s',
    isNumber: true,
    cell: ({ bytesPerSecond }) => bytes(bytesPerSecond),
    sortBy: ({ bytesPerSecond }) => bytesPerSecond,
  },
  {
    title: 'Reads/s',
    isNumber: true,
    cell: ({ readsPerSecond }) => rate(readsPerSecond),
    sortBy: ({ readsPerSecond }) => readsPerSecond,
  },
  {
    title: 'Throttles',
    isNumber: true,
    cell: ({ throttles }) => count(throttles),
    sortBy: ({ throttles }) => throttles,
  },
];

/** The columns of the table of shards; `hasStreams`: the program reads several. */
export function shardColumns(nowMillis: number, hasStreams: boolean): readonly Column<ShardView>[] {
  const stream: Column<ShardView> = {
    title: 'Stream',
    cell: ({ streamName }) => streamName,
    sortBy: ({ streamName }) => streamName,
  };
  return [
    {
      title: 'Shard',
      cell: (shard) => <a href={addressOf('shards', keyOf(shard))}>{shard.shardId}</a>,
      sortBy: ({ shardId }) => shardId,
    },
    ...(hasStreams ? [stream] : []),
    {
      title: 'State',
      cell: ({ state }) => <Badge tone={tones[state] ?? 'calm'}>{state}</Badge>,
      sortBy: ({ state }) => state,
    },
    {
      title: 'Owner',
      cell: ({ owner }) => owner ?? <span class="muted">given up</span>,
      sortBy: ({ owner }) => owner ?? '',
    },
    { title: 'Tenure', isNumber: true, cell: ({ tenure }) => tenure ?? '–', sortBy: ({ tenure }) => tenure ?? -1 },
    ...figures,
    {
      title: 'Checkpoint',
      cell: ({ position }) => <code title={position ?? undefined}>{shortPosition(position)}</code>,
    },
    {
      title: 'Written',
      isNumber: true,
      cell: ({ positionAtMillis }) => ago(positionAtMillis, nowMillis),
      sortBy: ({ positionAtMillis }) => positionAtMillis ?? 0,
    },
    {
      title: 'Last Error',
      isWide: true,
      cell: ({ stuck, lastError }) => <ErrorText text={stuck?.message ?? lastError?.message} />,
    },
  ];
}
