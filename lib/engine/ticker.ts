import { type Clock, pause } from '../base/clock.ts';
import { type OnDowntime, afterDowntime, firstTickState, planTicks } from './tick-plan.ts';

/** What a ticker needs. */
export interface TickerFields {
  readonly clock: Clock;
  readonly intervalMillis: number;
  /** What becomes of batch times that were missed. */
  readonly onDowntime: OnDowntime;
  readonly onTick: (batchTimeMillis: number) => void;
}

/** Calls back for every batch time as it comes, until the signal aborts. */
export async function runTicker(fields: TickerFields, signal: AbortSignal): Promise<void> {
  const { clock, intervalMillis, onDowntime, onTick } = fields;
  let state = firstTickState(clock.wallMillis(), intervalMillis);
  for (;;) {
    const plan = planTicks(state, clock.wallMillis(), intervalMillis);
    state = plan.state;
    for (const time of afterDowntime(plan.due, onDowntime)) onTick(time);
    if (!(await pause(clock, plan.waitMillis, signal))) return;
  }
}
