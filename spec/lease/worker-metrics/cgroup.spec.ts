import { describe, expect, it } from 'vitest';
import {
  cgroupPercent,
  countCpuSet,
  parseCfsQuota,
  parseCpuAcct,
  parseCpuMax,
  parseCpuStat,
} from '../../../lib/lease/worker-metrics/cgroup.ts';

describe('countCpuSet', () => {
  it.each([
    { list: '0', count: 1 },
    { list: '0-7\n', count: 8 },
    { list: '0-3,7', count: 5 },
    { list: '0-4,6,8-10', count: 9 },
    { list: '2,4', count: 2 },
    { list: '12-12', count: 1 },
  ])('counts $count in $list', ({ list, count }) => {
    expect(countCpuSet(list)).toBe(count);
  });

  it.each(['', '\n', '0-', '-1', 'a', '0,,1', '3-1', '1e3', '0-3-5'])('refuses %j', (list) => {
    expect(() => countCpuSet(list)).toThrow('is no list of processors');
  });
});

describe('the quota', () => {
  it.each([
    { text: '50000 100000\n', cpus: 0.5 },
    { text: '400000 100000', cpus: 4 },
    { text: 'max 100000\n', cpus: undefined },
  ])('in cpu.max "$text" is $cpus processors', ({ text, cpus }) => {
    expect(parseCpuMax(text)).toBe(cpus);
  });

  it.each(['', '50000', '50000 0', '0 100000', '-1 100000', 'a b'])('in cpu.max %j makes no sense', (text) => {
    expect(() => parseCpuMax(text)).toThrow('is no processor quota');
  });

  it.each([
    { quota: '-1\n', period: '100000\n', cpus: undefined },
    { quota: '150000\n', period: '100000\n', cpus: 1.5 },
  ])('of version 1, $quota of $period, is $cpus processors', ({ quota, period, cpus }) => {
    expect(parseCfsQuota(quota, period)).toBe(cpus);
  });

  it('of version 1 that makes no sense is refused', () => {
    expect(() => parseCfsQuota('x', '100000')).toThrow('cpu.cfs_quota_us "x" of "100000" is no processor quota');
  });
});

describe('the time used', () => {
  it('is usage_usec of cpu.stat', () => {
    expect(parseCpuStat('usage_usec 8123456\nuser_usec 7000000\nsystem_usec 1123456\nnr_periods 0\n')).toBe(8_123_456);
    expect(parseCpuStat('core_sched.force_idle_usec 1\nusage_usec 5\n')).toBe(5);
    expect(() => parseCpuStat('user_usec 1\n')).toThrow('usage_usec');
  });

  it('is cpuacct.usage in nanoseconds', () => {
    expect(parseCpuAcct('8123456000\n')).toBe(8_123_456);
    for (const text of ['', '\n', 'x']) expect(() => parseCpuAcct(text)).toThrow('is no number');
  });
});

describe('cgroupPercent', () => {
  const before = { usedMicros: 5_000_000, atMillis: 10_000, cpus: 2 };

  it.each([
    { what: 'half a processor of 2', now: { usedMicros: 5_500_000, atMillis: 11_000, cpus: 2 }, percent: 25 },
    { what: 'half a processor of a half', now: { usedMicros: 5_500_000, atMillis: 11_000, cpus: 0.5 }, percent: 100 },
    { what: 'more than there is', now: { usedMicros: 9_000_000, atMillis: 11_000, cpus: 2 }, percent: 100 },
    { what: 'two seconds', now: { usedMicros: 6_000_000, atMillis: 12_000, cpus: 1 }, percent: 50 },
    { what: 'nothing', now: { ...before, atMillis: 11_000 }, percent: 0 },
    { what: 'a counter that went backwards', now: { usedMicros: 1, atMillis: 11_000, cpus: 2 }, percent: 0 },
    { what: 'no time', now: { ...before, usedMicros: 6_000_000 }, percent: 0 },
  ])('of $what is $percent', ({ now, percent }) => {
    expect(cgroupPercent(before, now)).toBe(percent);
  });

  it('is 0 at the first reading', () => {
    expect(cgroupPercent(undefined, before)).toBe(0);
  });
});
