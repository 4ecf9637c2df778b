import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type WorkerMeasuringOptions, measureWorker } from '../../lib/app/worker-measuring.ts';
import { systemClock } from '../../lib/base/clock.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const settings = { failoverTimeMillis: 1_000, disableWorkerMetrics: false, noOfPersistedMetricsPerWorkerMetrics: 2 };

function measuring(options: Partial<WorkerMeasuringOptions> = {}) {
  const events: MillraceEvent[] = [];
  const made = measureWorker({
    settings,
    environment: {},
    clock: systemClock,
    events: { publish: (event) => void events.push(event) },
    ...options,
  });
  onTestFinished(() => made.stop());
  return { ...made, events };
}

/** Keeps the event loop busy for a while. */
function work(millis: number): void {
  const until = performance.now() + millis;
  while (performance.now() < until);
}

describe('the measuring of a worker', () => {
  it(
    'tells the load of this process as KCL’s metric C, as many averages as the option says',
    { timeout: 120_000 },
    async () => {
      const { measurements, events } = measuring();
      expect(measurements()).toEqual({ metrics: {}, operatingRange: {} });
      await expect.poll(() => measurements().metrics['C']?.length, { timeout: 60_000, interval: 400 }).toBe(2);
      measurements();
      work(2_000);
      const { metrics, operatingRange } = measurements();
      expect(operatingRange).toEqual({ C: [100] });
      expect(metrics['C']).toHaveLength(2);
      expect(metrics['C']?.at(-1)).toBeGreaterThan(50);
      expect(events).toEqual([]);
    },
  );

  it('begins with the first report, and leaves no timer when it is stopped', { timeout: 120_000 }, async () => {
    const clock = new VirtualClock();
    const { measurements, stop } = measuring({ clock });
    expect(clock.pendingTimers).toBe(0);
    measurements();
    await expect.poll(() => clock.pendingTimers, { timeout: 60_000 }).toBeGreaterThan(0);
    stop();
    await expect.poll(() => clock.pendingTimers, { timeout: 60_000 }).toBe(0);
  });

  it('reports the row of a worker that measures nothing when it is disabled', () => {
    const clock = new VirtualClock();
    const { measurements } = measuring({ clock, settings: { ...settings, disableWorkerMetrics: true } });
    expect(measurements()).toEqual({ metrics: {}, operatingRange: {} });
    expect(clock.pendingTimers).toBe(0);
  });

  it(
    'finds the container of an ECS task by the environment it is given, and tells of failed captures',
    { timeout: 120_000 },
    async () => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        asked.push(request.url ?? '');
        response.writeHead(500).end();
      });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const environment = { ECS_CONTAINER_METADATA_URI_V4: `http://127.0.0.1:${port}/v4/it` };
      const { measurements, events, stop } = measuring({ environment });
      const refused = { type: 'metrics.failed', message: `GET http://127.0.0.1:${port}/v4/it/stats answered 500` };
      await expect.poll(() => measurements().metrics['C'], { timeout: 60_000, interval: 400 }).toContain(-1);
      // On a busy machine the first captures may end by their deadline instead.
      const eventsAfterReport = () => {
        measurements();
        return events;
      };
      await expect.poll(eventsAfterReport, { timeout: 60_000, interval: 400 }).toContainEqual(refused);
      stop();
      server.closeAllConnections();
      expect(new Set(asked)).toEqual(new Set(['/v4/it/stats']));
      expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['metrics.failed']));
    },
  );
});
