import { describe, expect, it } from 'vitest';
import { lineOf, measureTable, tableText } from './simulate/figures/table.ts';
import { limitOfRuns, runs } from '../support/runs.ts';

describe('the figures of a simulated fleet', () => {
  it(
    'stay within their budgets in the first seeds',
    async () => {
      const lines = await measureTable(runs(2), () => {});
      const over = lines.filter((line) => !line.withinBudget);
      expect(over).toEqual([]);
      for (const { median, p95, worst } of lines) {
        expect(median).toBeLessThanOrEqual(p95);
        expect(p95).toBeLessThanOrEqual(worst);
      }
      expect(tableText(lines).split('\n')).toHaveLength(lines.length + 3);
    },
    limitOfRuns(300_000),
  );

  it('take the median, the 95 % quantile and the worst, and hold each against its budget', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    const figure = { key: 'k', text: 't', unit: 'ms', kcl: '-' } as const;
    expect(lineOf({ name: 's' }, figure, values)).toMatchObject({ seeds: 100, median: 50, p95: 95, worst: 100 });
    for (const [budget, withinBudget] of [
      [{ median: 49 }, false],
      [{ p95: 94 }, false],
      [{ worst: 99 }, false],
      [{ median: 50, p95: 95, worst: 100 }, true],
    ] as const) {
      expect(lineOf({ name: 's' }, { ...figure, budget }, values).withinBudget).toBe(withinBudget);
    }
  });
});
