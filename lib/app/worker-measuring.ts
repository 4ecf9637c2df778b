import { stayingController } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { EventSink } from '../event/bus.ts';
import { type WorkerMetricsReport, noWorkerMetrics } from '../lease/worker-metrics/sampler.ts';
import { systemWorkerMetrics } from '../lease/worker-metrics/system-worker-metrics.ts';
import { type Measurements, reportIntervalOf } from '../lease/worker-reporter.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import type { Environment } from './config/environment.ts';

/** What {@link measureWorker} needs. */
export interface WorkerMeasuringOptions {
  readonly settings: Pick<
    ConsumerSettings,
    'failoverTimeMillis' | 'disableWorkerMetrics' | 'noOfPersistedMetricsPerWorkerMetrics'
  >;
  /** Tells whether this is a container of ECS. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly events: EventSink;
}

/** The measuring of this process and machine for one run. */
export interface WorkerMeasuring {
  /** The figures for one report of the worker. The first call begins the measuring. */
  readonly measurements: () => Measurements;
  /** Ends the measuring. Nothing has to be waited for: its timer is cancelled, and a read that is under way is aborted. */
  readonly stop: () => void;
}

/**
 * Measures this worker's load while it reports, so that it is a part of the run and of nothing else: a receiver that
 * never reports never measures. A capture that fails is an event (`metrics.failed`), no fault of the run.
 */
export function measureWorker({ settings, environment, clock, events }: WorkerMeasuringOptions): WorkerMeasuring {
  const { failoverTimeMillis, disableWorkerMetrics, noOfPersistedMetricsPerWorkerMetrics } = settings;
  if (disableWorkerMetrics) return { measurements: () => measurementsOf(noWorkerMetrics.report()), stop: () => {} };
  const life = stayingController();
  const sampler = systemWorkerMetrics({
    clock,
    environment,
    reportIntervalMillis: reportIntervalOf(failoverTimeMillis),
    reportsKept: noOfPersistedMetricsPerWorkerMetrics,
    onCaptureFailed: (message) => events.publish({ type: 'metrics.failed', message }),
  });
  let running: Promise<void> | undefined;
  return {
    measurements: () => {
      running ??= sampler.run(life.signal);
      return measurementsOf(sampler.report());
    },
    stop: () => life.abort(new MillraceError('MR_ABORTED', 'the run of this worker has ended')),
  };
}

function measurementsOf({ sts, opr }: WorkerMetricsReport): Measurements {
  return { metrics: sts, operatingRange: opr };
}
