import { describe, expect, it } from 'vitest';
import { workerViews } from '../../lib/lease/assigner.ts';
import { reportIntervalOf } from '../../lib/lease/worker-reporter.ts';
import { workerRow } from './keeper-bench.ts';

describe('workerViews', () => {
  const load = { metrics: { C: [40, 50] }, operatingRange: { C: [100] } };
  const rows = {
    leases: [],
    workers: [
      workerRow('java', load),
      workerRow('slow', { ...load, failoverTimeMillis: 60_000 }),
      workerRow('quick', { ...load, failoverTimeMillis: 6_000 }),
    ],
  };
  const measured = { metrics: { sts: { C: [40, 50] }, opr: { C: [100] } } };

  it('gives a plan what the rows of workers that report say, and how often they say it', () => {
    expect(workerViews(rows, ['java', 'quick', 'slow'])).toEqual([
      { workerIdentifier: 'java', ...measured },
      { workerIdentifier: 'quick', ...measured, reportIntervalMillis: reportIntervalOf(6_000) },
      { workerIdentifier: 'slow', ...measured, reportIntervalMillis: reportIntervalOf(60_000) },
    ]);
  });

  it('takes a worker without a row, such as this one before its first report, for one that measures nothing', () => {
    expect(workerViews(rows, ['me'])).toEqual([{ workerIdentifier: 'me' }]);
  });
});
