import { describe, expect, it } from 'vitest';
import { parseProcStat, procStatPercent } from '../../../lib/lease/worker-metrics/proc-stat.ts';

const idleHost = `cpu  189208 10 43092 501395 1321 0 416 1078 0 0
cpu0 93027 0 20731 253599 232 0 74 530 0 0
cpu1 96181 10 22361 247796 1089 0 342 548 0 0
intr 34112 0 0 0
`;

describe('parseProcStat', () => {
  it('reads the first line: user, nice, system, idle, waiting for disks', () => {
    expect(parseProcStat(idleHost)).toEqual({ idle: 501_395, total: 189_208 + 10 + 43_092 + 501_395 + 1_321 });
  });

  it.each(['', 'cpu 1 2 3', 'cpu a b c d e', 'intr 1 2 3 4 5 6', '<html>'])('refuses %j', (text) => {
    expect(() => parseProcStat(text)).toThrow('does not begin with a line of processor times');
  });
});

describe('procStatPercent', () => {
  const before = { idle: 1_000, total: 4_000 };

  it.each([
    { what: 'a quarter busy', now: { idle: 1_075, total: 4_100 }, percent: 25 },
    { what: 'idle', now: { idle: 1_100, total: 4_100 }, percent: 0 },
    { what: 'full', now: { idle: 1_000, total: 4_100 }, percent: 100 },
    { what: 'the same reading again', now: before, percent: 0 },
    { what: 'a total that went backwards', now: { idle: 1_000, total: 3_999 }, percent: 0 },
    { what: 'idle time that went backwards', now: { idle: 999, total: 4_100 }, percent: 0 },
    { what: 'waiting time that went backwards', now: { idle: 1_050, total: 4_040 }, percent: 0 },
  ])('of $what is $percent', ({ now, percent }) => {
    expect(procStatPercent(before, now)).toBe(percent);
  });

  it('is 0 at the first reading', () => {
    expect(procStatPercent(undefined, before)).toBe(0);
  });
});
