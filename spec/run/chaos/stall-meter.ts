import { machineMillis } from './ledger-line.ts';

/** How often a process looks how late its timer is. */
export const stallLookMillis = 50;
/** Timers later than this are written down. */
const toldFromMillis = 100;

/** Measures how late the timers of this process are, until the returned function is called. */
export function meterStalls(tell: (latenessMillis: number) => void): () => void {
  let dueMillis = machineMillis() + stallLookMillis;
  const timer = setInterval(() => {
    const nowMillis = machineMillis();
    const latenessMillis = Math.max(0, nowMillis - dueMillis);
    dueMillis = nowMillis + stallLookMillis;
    if (latenessMillis >= toldFromMillis) tell(Math.round(latenessMillis));
  }, stallLookMillis).unref();
  return () => clearInterval(timer);
}
