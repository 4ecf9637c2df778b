import { describe, expect, it } from 'vitest';
import { cautionFor, movingAverage, readMetrics } from '../../../lib/lease/plan/utilization-metrics.ts';
import {
  type WorkerMetrics,
  type WorkerView,
  defaultAssignmentOptions,
} from '../../../lib/lease/plan/utilization-types.ts';

describe('movingAverage', () => {
  it.each([
    { values: [], average: 0 },
    { values: [40], average: 40 },
    { values: [100, 50], average: 75 },
    { values: [100, 50, 20], average: 47.5 },
    { values: [-1, 100, -1, 50], average: 75 },
    { values: [-1, -1], average: 0 },
    { values: [10, Number.NaN, 30, Infinity], average: 20 },
    { values: [1e308], average: 1e12 },
    { values: [1e-9], average: 0 },
  ])('of $values is $average with alpha 0.5', ({ values, average }) => {
    expect(movingAverage(values, 0.5)).toBe(average);
  });

  it('gives the newer value the weight alpha', () => {
    expect(movingAverage([0, 100], 0.2)).toBe(20);
  });
});

describe('readMetrics', () => {
  const read = (metrics: WorkerMetrics | undefined, fields: Partial<WorkerView> = {}) => {
    const view = { workerIdentifier: 'a', ...(metrics === undefined ? {} : { metrics }), ...fields };
    const values = readMetrics(view, defaultAssignmentOptions);
    return values === undefined ? 'unusable' : Object.fromEntries(values);
  };

  const cases: { what: string; metrics: WorkerMetrics | undefined; read: unknown }[] = [
    { what: 'no metrics', metrics: undefined, read: {} },
    { what: 'a row of empty metrics', metrics: { sts: {}, opr: {} }, read: {} },
    { what: 'a range without a metric', metrics: { sts: {}, opr: { C: [100] } }, read: {} },
    { what: 'CPU', metrics: { sts: { C: [50] }, opr: { C: [90, 5] } }, read: { C: { value: 50, range: 90 } } },
    { what: 'no value yet', metrics: { sts: { C: [] }, opr: { C: [100] } }, read: { C: { value: 0, range: 100 } } },
    {
      what: 'two metrics',
      metrics: { sts: { C: [50, 30], M: [10] }, opr: { C: [100], M: [80] } },
      read: { C: { value: 40, range: 100 }, M: { value: 10, range: 80 } },
    },
    {
      what: 'a failure in the past',
      metrics: { sts: { C: [-1, 20] }, opr: { C: [100] } },
      read: { C: { value: 20, range: 100 } },
    },
    { what: 'a failure now', metrics: { sts: { C: [20, -1] }, opr: { C: [100] } }, read: 'unusable' },
    {
      what: 'a failure of one of two metrics',
      metrics: { sts: { C: [20], M: [-1] }, opr: { C: [100], M: [100] } },
      read: 'unusable',
    },
    { what: 'NaN now', metrics: { sts: { C: [20, Number.NaN] }, opr: { C: [100] } }, read: 'unusable' },
    { what: 'no range', metrics: { sts: { C: [20] }, opr: {} }, read: 'unusable' },
    { what: 'an empty range', metrics: { sts: { C: [20] }, opr: { C: [] } }, read: 'unusable' },
    { what: 'a range of 0', metrics: { sts: { C: [20] }, opr: { C: [0] } }, read: 'unusable' },
    {
      what: 'a range of 0 for a metric that is not there',
      metrics: { sts: { C: [20] }, opr: { C: [100], M: [0] } },
      read: 'unusable',
    },
    { what: 'a damaged range alone', metrics: { sts: {}, opr: { C: [] } }, read: 'unusable' },
    { what: 'the name of a method', metrics: { sts: { toString: [20] }, opr: {} }, read: 'unusable' },
  ];

  it.each(cases)('reads $what', ({ metrics, read: expected }) => {
    expect(read(metrics)).toEqual(expected);
  });

  it.each([
    { reportsSinceMove: undefined, value: 47.5 },
    { reportsSinceMove: 0, value: 47.5 },
    { reportsSinceMove: 1, value: 20 },
    { reportsSinceMove: 2, value: 35 },
    { reportsSinceMove: 9, value: 47.5 },
  ])('counts the values since the last move only: $reportsSinceMove of them', ({ reportsSinceMove, value }) => {
    const metrics = { sts: { C: [100, 50, 20] }, opr: { C: [100] } };
    const fields = reportsSinceMove === undefined ? {} : { reportsSinceMove };
    expect(read(metrics, fields)).toEqual({ C: { value, range: 100 } });
  });

  it.each([
    // Averages over 30 s or more count as they are.
    { reportIntervalMillis: 30_000, values: [100, 50, 20], value: 47.5 },
    { reportIntervalMillis: 60_000, values: [100, 50, 20], value: 47.5 },
    // Three values of 10 s make one of 30 s, from the newest back: 30, before it 100.
    { reportIntervalMillis: 10_000, values: [100, 50, 30, 10], value: 65 },
    { reportIntervalMillis: 10_000, values: [50, 30, 10], value: 30 },
    { reportIntervalMillis: 10_000, values: [20], value: 20 },
    { reportIntervalMillis: 10_000, values: [-1, 100, -1, 50, -1, 10], value: 65 },
    { reportIntervalMillis: 10_000, values: [100, -1, -1, -1, 20, 20, 20], value: 60 },
    { reportIntervalMillis: 10_000, values: [], value: 0 },
    { reportIntervalMillis: 0, values: [10, 30], value: 20 },
  ])(
    'joins values of $reportIntervalMillis ms, $values, into averages of 30 s: $value',
    ({ reportIntervalMillis, values, value }) => {
      expect(read({ sts: { C: values }, opr: { C: [100] } }, { reportIntervalMillis })).toEqual({
        C: { value, range: 100 },
      });
    },
  );
});

describe('cautionFor', () => {
  it.each([
    { what: 'no move is remembered', view: { reportIntervalMillis: 5_000 }, caution: 1 },
    { what: 'no report followed the move', view: { reportIntervalMillis: 5_000, reportsSinceMove: 0 }, caution: 1 },
    { what: 'one report of KCL followed', view: { reportsSinceMove: 1 }, caution: 1 },
    { what: '5 s followed', view: { reportIntervalMillis: 5_000, reportsSinceMove: 1 }, caution: 1.5 },
    { what: '15 s followed', view: { reportIntervalMillis: 5_000, reportsSinceMove: 3 }, caution: Math.SQRT2 },
    { what: '45 s followed', view: { reportIntervalMillis: 5_000, reportsSinceMove: 9 }, caution: 1 },
  ])('is $caution when $what', ({ view, caution }) => {
    expect(cautionFor({ workerIdentifier: 'a', ...view })).toBeCloseTo(caution);
  });
});
