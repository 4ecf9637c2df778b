import { describe, expect, it } from 'vitest';
import { monitorBench } from '../../bench/monitor.ts';
import type { Slice } from '../../bench/monitor/client.ts';
import { type Round, figuresOf, verdictOf } from '../../bench/monitor/figures.ts';
import { defaultMonitorBench, measureMonitor } from '../../bench/monitor/measure.ts';
import { dueIn } from '../../bench/monitor/schedule.ts';
import { medianInterval } from '../../bench/statistics.ts';

const small = { ...defaultMonitorBench, shards: 3, records: 100, rounds: 1, roundMillis: 400, watchers: 2 };

describe('the bench of the monitor', () => {
  it('compares a receiver that is watched with itself while it is not, while somebody looks', async () => {
    const burnMicros = 3_000;
    const figures = await measureMonitor({ ...small, burnMicros });
    expect(figures).toMatchObject({ ...small, burnMicros, budgetPercent: 3, scrapeMillis: 5_000 });
    const { overheadPercent, spreadPercent, quartilesPercent, bareMbPerCpuSecond, watchedMbPerCpuSecond } = figures;
    // What each watcher burns at each event is far more than the reading of so few records: it is told, on whatever machine.
    expect(overheadPercent).toBeGreaterThan(20);
    expect(figures.alonePercent).toBeGreaterThan(20);
    // One round tells nothing, and that is said.
    expect(figures).toMatchObject({ intervalPercent: null, aloneIntervalPercent: null, verdict: 'unknown' });
    expect(overheadPercent).toBeGreaterThanOrEqual(spreadPercent[0]);
    expect(overheadPercent).toBeLessThanOrEqual(spreadPercent[1]);
    expect(quartilesPercent[0]).toBeLessThanOrEqual(quartilesPercent[1]);
    expect(Math.min(bareMbPerCpuSecond, watchedMbPerCpuSecond)).toBeGreaterThan(0);
    // Somebody did look: a whole state is some kilobytes for each watcher, and the first one's metrics were scraped.
    expect(figures.followedBytes).toBeGreaterThan(10_000);
    expect(figures.scrapes).toBeGreaterThanOrEqual(1);
    expect(figures.eventsOfSlice).toBeGreaterThan(0);
  }, 120_000);

  it('has 40 shards and one browser by default, and takes less than four minutes', () => {
    const { options } = monitorBench;
    expect(options).toMatchObject({ shards: { fallback: 40 }, browsers: { fallback: 1 } });
    const { rounds, roundMillis } = defaultMonitorBench;
    expect(4 * (rounds + 1) * roundMillis).toBeLessThan(180_000);
  });
});

describe('figuresOf', () => {
  // A watched slice takes `takenMicros` more for each of ten watchers; the machine becomes faster by a half meanwhile, and
  // now and then the collector works in a slice.
  const roundsWith = (takenMicros: number, collectorMicros: number): Round[] =>
    Array.from({ length: 20 }, (_, index) => {
      const slice = (isWatched: boolean, part: number): Slice => {
        const micros = 1_000_000 + (isWatched ? 10 * takenMicros : 0);
        const cpuMicros = micros * (1.5 - (index * 4 + part) / 160) + ((index * 4 + part) % 3) * collectorMicros;
        const heard = { events: 300, firstMicros: 0, othersMicros: 0 };
        return { cpuMicros, mainMicros: micros, records: 1e5, bytes: 1e8, isHandled: true, ...heard };
      };
      const isFirst = index % 2 === 1;
      const [one, two, three, four] = [slice(isFirst, 0), slice(!isFirst, 1), slice(!isFirst, 2), slice(isFirst, 3)];
      return isFirst ? { watched: [one, four], bare: [two, three] } : { bare: [one, four], watched: [two, three] };
    });

  it.each([
    [0, 0, 'within'],
    [15_000, 1.48, 'within'],
    [50_000, 4.76, 'over'],
  ] as const)('tells %s microseconds of each second as %s percent', (takenMicros, percent, verdict) => {
    const figures = figuresOf(roundsWith(takenMicros, 50_000), 10);
    expect(figures.overheadPercent).toBeGreaterThan(percent - 0.5);
    expect(figures.overheadPercent).toBeLessThan(percent + 0.5);
    expect(figures).toMatchObject({ verdict, mainThreadPercent: percent, firstPercent: 0 });
  });

  it('tells that it cannot tell where the slices differ too much', () => {
    expect(figuresOf(roundsWith(25_000, 900_000), 10).verdict).toBe('unknown');
  });

  it('takes each watcher to be as slow as the first that hears of an event', () => {
    const rounds = roundsWith(10_000, 0).map(({ bare, watched: [one, other] }): Round => {
      // The first of ten took half of what all took.
      const slow = { firstMicros: 20_000, othersMicros: 20_000 };
      return {
        bare,
        watched: [
          { ...one, ...slow },
          { ...other, ...slow },
        ],
      };
    });
    const { overheadPercent, firstPercent } = figuresOf(rounds, 10);
    // A tenth of 40,000 microseconds is part of what they took; 16,000 of a second are missing.
    expect(firstPercent).toBeGreaterThan(1);
    expect(overheadPercent - figuresOf(roundsWith(10_000, 0), 10).overheadPercent).toBeCloseTo(firstPercent, 0);
    expect(figuresOf(rounds, 1).firstPercent).toBeLessThanOrEqual(0);
  });

  it('knows nothing of the main thread where the system does not tell', () => {
    const rounds = roundsWith(0, 0).map(({ bare, watched: [one, { mainMicros: _, ...other }] }): Round => {
      return { bare, watched: [one, other] };
    });
    expect(figuresOf(rounds, 10)).toMatchObject({ mainThreadPercent: null, mainThreadIntervalPercent: null });
  });

  it('says what an interval tells of the budget', () => {
    expect([verdictOf([-1, 2.9]), verdictOf([2, 4]), verdictOf([3.1, 4]), verdictOf(null)]).toEqual([
      'within',
      'unknown',
      'over',
      'unknown',
    ]);
  });
});

describe('dueIn', () => {
  const due = (fromMillis: number, millis: number) => dueIn({ fromMillis, millis }, 2, 1_000);

  it('has each watcher act once in every interval, at equal distances', () => {
    expect(due(0, 1_500)).toEqual([
      { watcher: 0, atMillis: 0 },
      { watcher: 1, atMillis: 500 },
      { watcher: 0, atMillis: 1_000 },
    ]);
  });

  it('goes on where the slice before it ended', () => {
    const times = [0, 200, 400, 600, 800].flatMap((fromMillis) =>
      due(fromMillis, 200).map(({ watcher, atMillis }) => [watcher, fromMillis + atMillis]),
    );
    expect(times).toEqual([
      [0, 0],
      [1, 500],
    ]);
  });
});

describe('medianInterval', () => {
  const upTo = (length: number) => Array.from({ length }, (_, index) => length - index);

  // Ranks from the tables of the sign test.
  it.each([
    [5, undefined],
    [6, [1, 6]],
    [10, [2, 9]],
    [36, [12, 25]],
    [100, [40, 61]],
  ] as const)('knows between which of %i values the median lies', (length, interval) => {
    expect(medianInterval(upTo(length))).toEqual(interval);
  });
});
