import type { Clock } from '../../base/clock.ts';
import { type EventLoopMeter, systemEventLoopMeter } from '../../base/event-loop.ts';
import { systemProcessCpu } from '../../base/process-cpu.ts';
import type { CpuSource } from './cpu-source.ts';
import { processSource } from './process-source.ts';
import { WorkerMetricsSampler } from './sampler.ts';
import { type EcsEnvironment, selectCpuSource } from './select-source.ts';
import { systemCpuSourcePorts } from './system-ports.ts';

/** What {@link systemWorkerMetrics} needs. */
export interface SystemWorkerMetricsOptions {
  readonly clock: Clock;
  /** The process environment, or its part that is about ECS. */
  readonly environment: EcsEnvironment;
  /** The time between two reports, milliseconds. A short one makes captures more frequent, so that each report has some. */
  readonly reportIntervalMillis: number;
  /** The loop that runs the handler; the calling thread's by default. */
  readonly eventLoop?: EventLoopMeter;
  /** KCL's `noOfPersistedMetricsPerWorkerMetrics`; 10 by default. */
  readonly reportsKept?: number;
  /** Told when a capture fails after one that did not, with the reason. */
  readonly onCaptureFailed?: (message: string) => void;
}

/** KCL's `inMemoryWorkerMetricsCaptureFrequencyMillis`. */
const longestCaptureIntervalMillis = 1_000;
/** A shorter one would measure the measuring. */
const shortestCaptureIntervalMillis = 50;

/** The sampler of this process and machine: run it while the worker reports, and put its `report()` into each row. */
export function systemWorkerMetrics(options: SystemWorkerMetricsOptions): WorkerMetricsSampler {
  const { clock, environment, reportIntervalMillis, eventLoop, reportsKept, onCaptureFailed } = options;
  return new WorkerMetricsSampler({
    clock,
    eventLoop: eventLoop ?? systemEventLoopMeter(),
    selectSource: () => sourceOfWorker(clock, environment),
    captureIntervalMillis: captureIntervalFor(reportIntervalMillis),
    ...(reportsKept === undefined ? {} : { reportsKept }),
    ...(onCaptureFailed === undefined ? {} : { onCaptureFailed }),
  });
}

/** The container's CPU where there is a container; else that of this process, see {@link processSource}. */
async function sourceOfWorker(clock: Clock, environment: EcsEnvironment): Promise<CpuSource> {
  const source = await selectCpuSource(systemCpuSourcePorts(clock), environment);
  return source === undefined || source.kind === 'proc' ? processSource(systemProcessCpu, clock) : source;
}

/** The time between two captures: KCL's second, or less where reports are so frequent that one would miss it. */
export function captureIntervalFor(reportIntervalMillis: number): number {
  return Math.min(longestCaptureIntervalMillis, Math.max(shortestCaptureIntervalMillis, reportIntervalMillis / 3));
}
