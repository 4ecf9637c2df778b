import { type EventLoopUtilityFunction, performance } from 'node:perf_hooks';

/** How busy an event loop is, as a port. */
export interface EventLoopMeter {
  /** The part of the time since the previous call, from 0 to 1, in which the loop was not waiting; 0 when no time has passed. */
  utilization(): number;
}

/**
 * A meter of the calling thread's own loop; its first reading speaks of the time since it was made. For the loop of
 * another thread give that `Worker`'s `performance.eventLoopUtilization`.
 */
export function systemEventLoopMeter(
  measure: EventLoopUtilityFunction = (...marks) => performance.eventLoopUtilization(...marks),
): EventLoopMeter {
  let last = measure();
  return {
    utilization() {
      const now = measure();
      const { utilization } = measure(now, last);
      last = now;
      return Number.isFinite(utilization) ? utilization : 0;
    },
  };
}
