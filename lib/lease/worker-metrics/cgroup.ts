/** Processor time used by a control group until now, and how many processors it may use. */
export interface CgroupUsage {
  /** Microseconds, summed over processors. */
  readonly usedMicros: number;
  /** Monotonic milliseconds of the reading. */
  readonly atMillis: number;
  /** Processors, in parts when a quota says so. */
  readonly cpus: number;
}

/**
 * Percent of the available processor time used between two readings, at most 100 (kcl.md 2.6). 0 without an earlier
 * reading, and when a counter went backwards or no time has passed.
 */
export function cgroupPercent(before: CgroupUsage | undefined, now: CgroupUsage): number {
  if (before === undefined) return 0;
  const elapsedMicros = (now.atMillis - before.atMillis) * 1000;
  const used = now.usedMicros - before.usedMicros;
  if (elapsedMicros <= 0 || used <= 0) return 0;
  return Math.min(100, (used / elapsedMicros / now.cpus) * 100);
}

/**
 * The number of processors in a list such as `0-3,7`.
 * @throws Error when it is no such list, or an empty one
 */
export function countCpuSet(list: string): number {
  let count = 0;
  for (const part of list.trim().split(',')) {
    const match = /^(?<first>\d+)(?:-(?<last>\d+))?$/.exec(part.trim());
    const first = Number(match?.groups?.['first']);
    const last = Number(match?.groups?.['last'] ?? first);
    if (match === null || last < first) throw new Error(`"${list.trim()}" is no list of processors`);
    count += last - first + 1;
  }
  return count;
}

/**
 * The quota in `cpu.max` (version 2): two numbers, quota and period, or `max` for no quota, which gives undefined.
 * @throws Error when it is neither
 */
export function parseCpuMax(text: string): number | undefined {
  const [quota, period] = text.trim().split(/\s+/);
  if (quota === 'max') return undefined;
  return quotaOf(Number(quota), Number(period), `cpu.max "${text.trim()}"`);
}

/**
 * The quota in `cpu.cfs_quota_us` and `cpu.cfs_period_us` (version 1); -1 is no quota and gives undefined.
 * @throws Error when the numbers make no sense
 */
export function parseCfsQuota(quota: string, period: string): number | undefined {
  if (Number(quota) === -1) return undefined;
  return quotaOf(Number(quota), Number(period), `cpu.cfs_quota_us "${quota.trim()}" of "${period.trim()}"`);
}

/**
 * Microseconds in `cpu.stat` (version 2).
 * @throws Error without a line `usage_usec`
 */
export function parseCpuStat(text: string): number {
  const used = Number(/^usage_usec (\d+)$/m.exec(text)?.[1]);
  if (!Number.isFinite(used)) throw new Error('cpu.stat has no line usage_usec');
  return used;
}

/**
 * Microseconds from the nanoseconds in `cpuacct.usage` (version 1).
 * @throws Error when it is no number
 */
export function parseCpuAcct(text: string): number {
  const used = Number(text.trim() || Number.NaN) / 1000;
  if (!Number.isFinite(used)) throw new Error(`cpuacct.usage "${text.trim()}" is no number`);
  return used;
}

function quotaOf(quota: number, period: number, what: string): number {
  const cpus = quota / period;
  if (!Number.isFinite(cpus) || cpus <= 0) throw new Error(`${what} is no processor quota`);
  return cpus;
}
