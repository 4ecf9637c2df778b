import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { FleetAges } from './ages.ts';
import { reportOf } from './lease.ts';
import type { LeaseTable, TableSnapshot } from './lease-table.ts';

/** What an {@link ensureAlone} needs. */
export interface AloneCheckOptions {
  readonly table: LeaseTable;
  readonly applicationName: string;
  readonly workerIdentifier: string;
  /** Whether this worker must be the only one; otherwise it only gives way to one that must be. */
  readonly exclusive: boolean;
  readonly failoverTimeMillis: number;
  readonly clock: Clock;
}

/** How often the table is looked at while waiting for a silent worker to count as gone. */
const lookIntervalMillis = 250;

/**
 * Lets a worker start only beside workers that agree with it: one that must be alone waits until every other has been
 * silent for F and refuses when one shows life; any other worker does the same for one that must be alone. It runs
 * before the worker's own row is written, so a refused start disturbs nobody.
 * @throws MillraceError `MR_ENGINE_NOT_ALONE` naming the other worker
 */
export async function ensureAlone(options: AloneCheckOptions, signal: AbortSignal): Promise<void> {
  const { table, clock, failoverTimeMillis } = options;
  const ages = new FleetAges(failoverTimeMillis);
  const first = await table.scan(signal);
  const counters = new Map(counterEntries(first));
  for (let snapshot = first; ; snapshot = await table.scan(signal)) {
    const now = clock.monotonicMillis();
    const observed = ages.observe(snapshot.leases, snapshot.workers, now);
    const live = ages.liveWorkers(observed, snapshot.workers, failoverTimeMillis, now);
    const others = live.filter((worker) => worker !== options.workerIdentifier && concerns(worker, snapshot, options));
    const [other] = others.filter((worker) => showsLife(worker, snapshot, counters));
    if (other !== undefined) throw notAlone(options, other);
    if (others.length === 0) return;
    await sleep(clock, Math.min(lookIntervalMillis, failoverTimeMillis / 4), signal);
  }
}

/**
 * Tells the worker with which this one cannot share the application, in a snapshot taken while it runs; `undefined`
 * when there is none. Two that started at the same moment see each other: the one whose name sorts first stays.
 */
export function findIntruder(
  options: Pick<AloneCheckOptions, 'workerIdentifier' | 'exclusive'>,
  live: readonly string[],
  snapshot: TableSnapshot,
): string | undefined {
  const isExclusive = (worker: string) =>
    snapshot.workers.some((row) => row.workerIdentifier === worker && row.exclusive);
  return live.find((worker) => {
    if (worker === options.workerIdentifier) return false;
    if (!options.exclusive) return isExclusive(worker);
    return !isExclusive(worker) || worker < options.workerIdentifier;
  });
}

/** The error for a worker that may not share the application with another. */
export function notAlone(
  options: Pick<AloneCheckOptions, 'applicationName' | 'workerIdentifier' | 'exclusive'>,
  other: string,
): MillraceError {
  const rule = options.exclusive
    ? 'its plan looks at all shards at once, so one process must read them all'
    : 'that worker must read all shards alone';
  return new MillraceError(
    'MR_ENGINE_NOT_ALONE',
    `worker ${JSON.stringify(other)} of application ${options.applicationName} is running, and ${JSON.stringify(options.workerIdentifier)} cannot work beside it: ${rule}; ` +
      'stop one of them, or use another applicationName',
    { subject: { worker: other } },
  );
}

function concerns(worker: string, snapshot: TableSnapshot, options: AloneCheckOptions): boolean {
  return options.exclusive || snapshot.workers.some((row) => row.workerIdentifier === worker && row.exclusive);
}

/** Whether anything of the worker has changed since the first look. */
function showsLife(worker: string, snapshot: TableSnapshot, before: ReadonlyMap<string, number>): boolean {
  const mine = new Set(snapshot.leases.filter((lease) => lease.leaseOwner === worker).map((lease) => lease.leaseKey));
  mine.add(worker);
  return counterEntries(snapshot).some(([key, counter]) => mine.has(key) && before.get(key) !== counter);
}

function counterEntries(snapshot: TableSnapshot): [string, number][] {
  return [
    ...snapshot.leases.map((lease): [string, number] => [lease.leaseKey, lease.leaseCounter]),
    ...snapshot.workers.map((worker): [string, number] => [worker.workerIdentifier, reportOf(worker)]),
  ];
}
