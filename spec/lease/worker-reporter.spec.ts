import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { WorkerReporter } from '../../lib/lease/worker-reporter.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const never = new AbortController().signal;

let clock: VirtualClock;
let table: FakeLeaseTable;

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
});

function newReporter(): WorkerReporter {
  return new WorkerReporter({
    table,
    workerIdentifier: 'me',
    exclusive: false,
    failoverTimeMillis: 10_000,
    clock,
    measurements: () => ({ metrics: {}, operatingRange: {} }),
  });
}

const counter = () => table.workerRows[0]?.reportCounter ?? 0;

describe('the row of a worker', () => {
  it('moves with every report, and with a start under the same name too: others judge life by its change', async () => {
    const first = newReporter();
    const counters: number[] = [];
    for (let report = 1; report <= 3; report += 1) {
      await clock.runUntil(first.report(never));
      counters.push(counter());
      await clock.advance(5_000);
    }
    await clock.runUntil(newReporter().report(never));
    counters.push(counter());
    for (const [index, one] of counters.slice(1).entries()) expect(one).toBeGreaterThan(counters[index] as number);
  });

  it('is gone after a stop, also when a report was on its way when the stop began', async () => {
    const reporter = newReporter();
    await clock.runUntil(reporter.report(never));
    table.intercept = ({ name }) => (name === 'putWorker' ? sleep(clock, 1_000) : undefined);
    const loops = new AbortController();
    const report = reporter.report(loops.signal);
    report.catch(() => {});
    await clock.advance(100);
    loops.abort(new Error('the loops end'));
    await clock.runUntil(reporter.withdraw(never));
    await clock.advance(5_000);
    expect(table.workerRows).toEqual([]);
  });
});
