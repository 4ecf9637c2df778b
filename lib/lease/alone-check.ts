import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { FleetAges } from './ages.ts';
import { reportOf } from './lease.ts';
import type { LeaseTable, TableSnapshot } from './lease-table.ts';

/** What an {@link ensureAlone} needs. */
export interface AloneCheckOptions {
  readonly table: LeaseTable;
  readonly applicationName: string;
  readonly workerIdentifier: string;
  /** Whether this worker must be the only one; otherwise it only gives way to one that must be. */
  readonly exclusive: boolean;
  /** Workers of the same process, which read for the same plan: they never count as others. */
  readonly companions?: ReadonlySet<string>;
  /** Whether this worker is fenced by an epoch that it holds: whoever else is there may write nothing that counts. */
  readonly takesOver?: boolean;
  readonly failoverTimeMillis: number;
  readonly clock: Clock;
  /** What this worker has observed so far; it goes on with it, so that a row found dead here is not new to it later. */
  readonly ages: FleetAges;
  /** Hears of each look after which the worker must wait. */
  readonly onWait?: (snapshot: TableSnapshot) => Promise<void>;
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
  const { table, clock, failoverTimeMillis, ages } = options;
  if (options.takesOver === true) return;
  let counters: ReadonlyMap<string, number> | undefined;
  for (;;) {
    const askedAtMillis = clock.monotonicMillis();
    const snapshot = await table.scan(signal);
    counters ??= new Map(counterEntries(snapshot));
    const before = counters;
    const observed = ages.observe(snapshot.leases, snapshot.workers, clock.monotonicMillis());
    const live = ages.liveWorkers(observed, snapshot.workers, askedAtMillis);
    const others = live.filter((worker) => !isOwn(worker, options) && concerns(worker, snapshot, options));
    const [other] = others.filter((worker) => showsLife(worker, snapshot, before));
    if (other !== undefined) throw notAlone(options, other);
    if (others.length === 0) return;
    await options.onWait?.(snapshot);
    await sleep(clock, Math.min(lookIntervalMillis, failoverTimeMillis / 4), signal);
  }
}

/**
 * Tells the worker for which this one must leave, in a snapshot taken while it runs; `undefined` when there is none. Two
 * that started at the same moment, or of which one was believed dead, see each other: the one whose name sorts first
 * stays. A worker that does not know this rule never leaves, so it is this one that must.
 * @param peers the workers that know the rule: those of Millrace, as far as they were ever seen
 */
export function findIntruder(
  options: Pick<AloneCheckOptions, 'workerIdentifier' | 'exclusive' | 'companions' | 'takesOver'>,
  live: readonly string[],
  snapshot: TableSnapshot,
  peers: ReadonlySet<string>,
): string | undefined {
  if (options.takesOver === true) return undefined;
  const exclusives = new Set(snapshot.workers.filter((row) => row.exclusive).map((row) => row.workerIdentifier));
  return live.find((worker) => {
    if (isOwn(worker, options)) return false;
    if (!options.exclusive && !exclusives.has(worker)) return false;
    return !peers.has(worker) || worker < options.workerIdentifier;
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

function isOwn(worker: string, options: Pick<AloneCheckOptions, 'workerIdentifier' | 'companions'>): boolean {
  return worker === options.workerIdentifier || options.companions?.has(worker) === true;
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
