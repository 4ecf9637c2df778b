import type { ShardBenchFigures, StreamBenchFigures } from '../../app/stream-bench.ts';
import { escapeControl } from '../../base/text.ts';

/** The figures of a measurement as a table for a person. */
export function streamBenchTable(figures: StreamBenchFigures): string {
  const rows = [
    ['shard', 'records/s', 'MB/s', 'records', 'pages', 'behind ms'],
    ...figures.shards.map((shard) => row(shard.shardId + (shard.isEnded ? ' (ended)' : ''), shard)),
    row('all', figures),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  const lines = rows.map((cells) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
  const { seconds, cpuSeconds, mbPerCpuSecond, recordsPerCpuSecond } = figures;
  lines.push(
    `${escapeControl(figures.streamName)}, ${figures.retrievalMode}, ${seconds} s: ${cpuSeconds} s of CPU, ` +
      `${mbPerCpuSecond} MB and ${recordsPerCpuSecond} records per CPU second`,
  );
  return `${lines.join('\n')}\n`;
}

/** One line while it runs. */
export function streamBenchProgress({ seconds, shards, mbPerSecond, recordsPerSecond }: StreamBenchFigures): string {
  return `${seconds} s: ${shards.length} shards, ${recordsPerSecond} records/s, ${mbPerSecond} MB/s\n`;
}

function row(name: string, figures: Omit<ShardBenchFigures, 'shardId' | 'isEnded'>): string[] {
  const { recordsPerSecond, mbPerSecond, records, pages, millisBehindLatest } = figures;
  return [escapeControl(name), recordsPerSecond, mbPerSecond, records, pages, millisBehindLatest ?? '-'].map(String);
}
