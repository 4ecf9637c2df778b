import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import { type Lease, type WorkerRow, isEnded, reportOf } from './lease.ts';
import type { LeaseTable, TableSnapshot } from './lease-table.ts';

/** How often the table is looked at while a worker is waited for. */
const lookIntervalMillis = 500;
/** The least time in which a worker must answer: its longest time between two reports, and a few seconds for slow ones. */
const leastAnswerMillis = 20_000;
/**
 * A process reports at most a few times a second, and its counter starts at the wall clock in milliseconds. So a counter that
 * has moved by more than this belongs to another process, which was started under the same name meanwhile.
 */
const reportsOfOneProcess = 1_000;

/** What {@link drainWorker} works with. */
export interface DrainWorkerOptions {
  readonly table: LeaseTable;
  readonly workerIdentifier: string;
  /** How long the worker may take from its answer to its last lease, milliseconds. */
  readonly drainMillis: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** How a worker was drained. */
export interface DrainedWorker {
  readonly workerIdentifier: string;
  /** The shards that it has given back, in order. */
  readonly shards: readonly string[];
  /** From the request until the worker had taken its own row away, milliseconds. */
  readonly answeredAfterMillis: number;
  /** From the request until it held no lease any more, milliseconds. */
  readonly drainedAfterMillis: number;
  /** Whether a process of the same name takes part again by now, such as one that a supervisor has started. */
  readonly isBack: boolean;
}

/**
 * Drains a running worker from outside. The request travels in the row that the worker writes about itself: its next report
 * replaces that row and takes the request. Its answer is that the row goes, which is the first step of every drain.
 * @throws MillraceError `MR_CONFIG_INVALID` for a worker that has no row, naming those that have; `MR_FOREIGN_WORKER` for one
 * that is not Millrace's; `MR_DRAIN_TIMEOUT` for one that does not answer (the request is taken back) or does not finish
 */
export async function drainWorker(options: DrainWorkerOptions, signal: AbortSignal): Promise<DrainedWorker> {
  return new Drain(options, signal).run();
}

/** The leases that a worker reads, each with the tenure that says which process of that name began it. */
type Tenures = ReadonlyMap<string, number | undefined>;

class Drain {
  readonly #options: DrainWorkerOptions;
  readonly #signal: AbortSignal;
  readonly #request: string;
  readonly #startedAtMillis: number;

  constructor(options: DrainWorkerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#request = options.random.hex(16);
    this.#startedAtMillis = options.clock.monotonicMillis();
  }

  async run(): Promise<DrainedWorker> {
    const { table, workerIdentifier } = this.#options;
    await this.#persist(() => table.coordination(this.#signal));
    const before = await this.#scan();
    const row = rowOf(before, workerIdentifier);
    checkWorker(row, workerIdentifier, before);
    const answered = await this.#untilAnswered(row, before);
    const answeredAfterMillis = this.#elapsedMillis;
    // What it was given between the two looks counts too, unless another process of that name has come meanwhile.
    const isGone = rowOf(answered, workerIdentifier) === undefined;
    const held = new Map([
      ...tenuresOf(before, workerIdentifier),
      ...(isGone ? tenuresOf(answered, workerIdentifier) : []),
    ]);
    const last = await this.#untilReleased(held, answered);
    return {
      workerIdentifier,
      shards: [...held.keys()].sort(),
      answeredAfterMillis,
      drainedAfterMillis: Math.round(this.#elapsedMillis),
      isBack: rowOf(last, workerIdentifier) !== undefined,
    };
  }

  async #untilAnswered(row: WorkerRow, before: TableSnapshot): Promise<TableSnapshot> {
    const { table, workerIdentifier } = this.#options;
    const answerMillis = Math.max(leastAnswerMillis, 2 * (row.failoverTimeMillis ?? 0));
    let seen = before;
    for (let now = rowOf(seen, workerIdentifier); isSameProcess(row, now); now = rowOf(seen, workerIdentifier)) {
      if (this.#elapsedMillis > answerMillis) {
        // Else a process that was only stopped would drain at a time when nobody expects it any more.
        await this.#persist(() => table.cancelDrain(workerIdentifier, this.#request, this.#signal));
        throw noAnswer(workerIdentifier, answerMillis);
      }
      // Again where it is missing: a report whose answer was lost on the way has taken it for nobody.
      if (now?.drainRequested !== this.#request) {
        await this.#persist(() => table.requestDrain(workerIdentifier, this.#request, this.#signal));
      }
      await sleep(this.#options.clock, lookIntervalMillis, this.#signal);
      seen = await this.#scan();
    }
    return seen;
  }

  async #untilReleased(held: Tenures, answered: TableSnapshot): Promise<TableSnapshot> {
    const { workerIdentifier, drainMillis, clock } = this.#options;
    const answeredAfterMillis = this.#elapsedMillis;
    for (let seen = answered; ; seen = await this.#scan()) {
      const now = tenuresOf(seen, workerIdentifier);
      const open = [...now].flatMap(([leaseKey, tenure]) =>
        held.has(leaseKey) && held.get(leaseKey) === tenure ? [leaseKey] : [],
      );
      if (open.length === 0) return seen;
      if (this.#elapsedMillis - answeredAfterMillis > drainMillis) {
        throw notFinished(workerIdentifier, drainMillis, open);
      }
      await sleep(clock, lookIntervalMillis, this.#signal);
    }
  }

  get #elapsedMillis(): number {
    return this.#options.clock.monotonicMillis() - this.#startedAtMillis;
  }

  #scan(): Promise<TableSnapshot> {
    return this.#persist(() => this.#options.table.scan(this.#signal));
  }

  #persist<T>(action: () => Promise<T>): Promise<T> {
    const { clock, random } = this.#options;
    return retryWhilePassing(action, { clock, random, signal: this.#signal });
  }
}

function rowOf({ workers }: TableSnapshot, workerIdentifier: string): WorkerRow | undefined {
  return workers.find((row) => row.workerIdentifier === workerIdentifier);
}

/** Leases of ended shards keep their owner's name for good. */
function tenuresOf({ leases }: TableSnapshot, workerIdentifier: string): Tenures {
  const mine = leases.filter((lease) => !isEnded(lease) && readerOf(lease) === workerIdentifier);
  return new Map(mine.map(({ leaseKey, tenure }) => [leaseKey, tenure]));
}

const readerOf = ({ checkpointOwner, leaseOwner }: Lease): string | undefined => checkpointOwner ?? leaseOwner;

function isSameProcess(before: WorkerRow, now: WorkerRow | undefined): boolean {
  return now !== undefined && reportOf(now) - reportOf(before) < reportsOfOneProcess;
}

function checkWorker(
  row: WorkerRow | undefined,
  workerIdentifier: string,
  { workers }: TableSnapshot,
): asserts row is WorkerRow {
  const subject = { worker: workerIdentifier };
  if (row === undefined) {
    const names = workers.map((one) => one.workerIdentifier).sort();
    const live = names.length === 0 ? 'none has' : `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'} one`;
    const message = `worker ${workerIdentifier} does not take part: it has no row in the table (${live})`;
    throw new MillraceError('MR_CONFIG_INVALID', message, { subject });
  }
  if (row.reportCounter === undefined) {
    throw new MillraceError(
      'MR_FOREIGN_WORKER',
      `worker ${workerIdentifier} is one of the Java KCL, which takes no requests from the table: stop its process`,
      { subject },
    );
  }
}

function noAnswer(workerIdentifier: string, answerMillis: number): MillraceError {
  return new MillraceError(
    'MR_DRAIN_TIMEOUT',
    `worker ${workerIdentifier} has not answered within ${answerMillis} ms: it runs no more, stands still, or is of a ` +
      'version that takes no requests. The request was taken back; stop its process',
    { subject: { worker: workerIdentifier } },
  );
}

function notFinished(workerIdentifier: string, drainMillis: number, open: readonly string[]): MillraceError {
  return new MillraceError(
    'MR_DRAIN_TIMEOUT',
    `worker ${workerIdentifier} began to drain, but still has ${open.join(', ')} after ${drainMillis} ms`,
    { subject: { worker: workerIdentifier } },
  );
}
