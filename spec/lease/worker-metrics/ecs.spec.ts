import { describe, expect, it } from 'vitest';
import { ecsLimit, ecsPercent } from '../../../lib/lease/worker-metrics/ecs.ts';
import { containerAnswer, statsAnswer, taskAnswer } from './ecs-answers.ts';

const before = { used: 1_000_000_000, system: 40_000_000_000 };

describe('ecsLimit', () => {
  const stats = statsAnswer(before, undefined, 4);

  it.each([
    { what: 'a task limit and shares of 10 and 30', limits: { CPU: 8, Memory: 512 }, shares: [10, 30], cpus: 2 },
    { what: 'one container', limits: { CPU: 0.25 }, shares: [256], cpus: 0.25 },
    { what: 'no limits', limits: undefined, shares: [10, 10], cpus: 2 },
    { what: 'a limit of memory only', limits: { Memory: 512 }, shares: [10], cpus: 4 },
    { what: 'no share, which counts as 2', limits: { CPU: 4 }, shares: [undefined, 6], cpus: 1 },
    { what: 'shares of 0, which count as 2', limits: { CPU: 4 }, shares: [0, 0], cpus: 2 },
  ])('with $what is $cpus processors', ({ limits, shares, cpus }) => {
    expect(ecsLimit(stats, taskAnswer(limits, shares), containerAnswer)).toEqual({
      onlineCpus: 4,
      containerCpus: cpus,
    });
  });

  it('is that of the task when the container is not among its containers', () => {
    expect(ecsLimit(stats, taskAnswer({ CPU: 3 }, [10, 30]), { DockerId: 'other' }).containerCpus).toBe(3);
    expect(ecsLimit(stats, {}, {}).containerCpus).toBe(4);
  });

  it.each([undefined, null, {}, 'x', { cpu_stats: { online_cpus: 0 } }])('refuses %j', (answer) => {
    expect(() => ecsLimit(answer, {}, {})).toThrow('online_cpus');
  });
});

describe('ecsPercent', () => {
  const limit = { onlineCpus: 4, containerCpus: 2 };
  const second = (used: number) => ({ used: before.used + used, system: before.system + 4_000_000_000 });

  it.each([
    { what: 'one processor of two', now: second(1_000_000_000), earlier: before, percent: 50 },
    { what: 'nothing', now: second(0), earlier: before, percent: 0 },
    { what: 'more than its share', now: second(4_000_000_000), earlier: before, percent: 100 },
    { what: 'the first reading', now: second(1), earlier: undefined, percent: 0 },
    { what: 'a counter that went backwards', now: second(-1), earlier: before, percent: 0 },
    { what: 'a system that stands still', now: before, earlier: before, percent: 100 },
  ])('of $what is $percent', ({ now, earlier, percent }) => {
    expect(ecsPercent(statsAnswer(now, earlier), limit)).toBe(percent);
  });

  it.each([undefined, null, {}, { cpu_stats: { cpu_usage: { total_usage: '5' } } }])('refuses %j', (answer) => {
    expect(() => ecsPercent(answer, limit)).toThrow('no processor times');
  });
});
