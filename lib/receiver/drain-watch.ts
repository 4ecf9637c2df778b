import type { CancelTimer, Clock } from '../base/clock.ts';
import type { EventSink } from '../event/bus.ts';

/** How often a drain tells what it waits for; one that is quicker tells nothing. */
const tellIntervalMillis = 1_000;

/** What a drain waits for. */
interface Drained {
  readonly leaseKey: string;
  readonly outstanding: number;
}

/** Tells every second what a drain still waits for, until it is disposed. */
export function watchDrain(
  drained: readonly Drained[],
  { clock, events, workerIdentifier }: { clock: Clock; events: EventSink; workerIdentifier: string },
): Disposable {
  const startedAtMillis = clock.monotonicMillis();
  let cancel: CancelTimer = () => {};
  const tell = () => {
    const waiting = drained.filter(({ outstanding }) => outstanding > 0);
    events.publish({
      type: 'worker.draining',
      workerIdentifier,
      shards: waiting.map(({ leaseKey }) => leaseKey),
      blocks: waiting.reduce((sum, { outstanding }) => sum + outstanding, 0),
      forMillis: Math.round(clock.monotonicMillis() - startedAtMillis),
    });
    schedule();
  };
  const schedule = () => {
    cancel = clock.timer(tellIntervalMillis, tell);
  };
  schedule();
  return { [Symbol.dispose]: () => cancel() };
}
