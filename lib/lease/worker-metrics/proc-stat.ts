/** The first line of `/proc/stat` in ticks: `idle` is waiting for nothing, `total` is user, nice, system, idle and waiting for disks. */
export interface ProcStat {
  readonly idle: number;
  readonly total: number;
}

/**
 * Reads the line of all processors together.
 * @throws Error when the text does not begin with such a line
 */
export function parseProcStat(text: string): ProcStat {
  const [name, ...fields] = (text.split('\n', 1)[0] ?? '').trim().split(/\s+/);
  const [user, nice, system, idle, waiting] = fields.slice(0, 5).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const total = user + nice + system + idle + waiting;
  if (name !== 'cpu' || !Number.isFinite(total)) throw new Error('does not begin with a line of processor times');
  return { idle, total };
}

/**
 * Percent of the time between two readings in which the processors were not idle (kcl.md 2.6). 0 without an earlier
 * reading, and when a counter went backwards, which the kernel's documentation allows for the time spent waiting for disks.
 */
export function procStatPercent(before: ProcStat | undefined, now: ProcStat): number {
  if (before === undefined) return 0;
  const total = now.total - before.total;
  const idle = now.idle - before.idle;
  if (total <= 0 || idle < 0 || idle > total) return 0;
  return ((total - idle) / total) * 100;
}
