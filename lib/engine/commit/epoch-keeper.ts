import { deadlineController, linkedController } from '../../base/abort.ts';
import { type BackoffOptions, backoffMillis } from '../../base/backoff.ts';
import { type Clock, pause, sleep } from '../../base/clock.ts';
import { MillraceError, toMillraceError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import { retryWhilePassing } from '../../base/retry.ts';
import type { CommitOutcome } from '../../block/block-source.ts';
import type { EventSink } from '../../event/bus.ts';
import { type EpochOutcome, type EpochRow, type EpochTable, sameEpochRow } from './epoch-table.ts';

/** What an {@link EpochKeeper} needs. */
export interface EpochKeeperOptions {
  readonly table: EpochTable;
  readonly applicationName: string;
  readonly workerIdentifier: string;
  /** F: how long this process may be silent before another takes over. */
  readonly failoverTimeMillis: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
}

/** How often a standby looks at the row, at most. */
const lookIntervalMillis = 1_000;
const retryBackoff: BackoffOptions = { baseMillis: 100, capMillis: 1_000 };

/**
 * Waits for the epoch of an application and holds it. Of all processes that run it, one is the holder, the others are
 * standbys that look at the row about once a second; when its counter has stood still for as long as the holder said, by
 * their own monotonic clock, they try to take it, and one of them does.
 */
export class EpochKeeper {
  readonly #options: EpochKeeperOptions;
  readonly #owner: string;

  constructor(options: EpochKeeperOptions) {
    this.#options = options;
    this.#owner = `${options.workerIdentifier}#${options.random.hex(8)}`;
  }

  /**
   * Resolves when this process holds the epoch. Waiting as a standby is an event, as is the end of it.
   * @throws the signal's reason; a fault of the table that does not pass
   */
  async acquire(signal: AbortSignal): Promise<Epoch> {
    const { table, clock, random, events, failoverTimeMillis, applicationName } = this.#options;
    const persist = <T>(action: () => Promise<T>): Promise<T> =>
      retryWhilePassing(action, { clock, random, signal, onFault: (fault) => this.#publishFault(fault) });
    await persist(() => table.open(signal));
    let seen: { readonly row: EpochRow; readonly sinceMillis: number } | undefined;
    let toldHolder: string | undefined;
    for (;;) {
      const row = await persist(() => table.read(signal));
      const now = clock.monotonicMillis();
      if (row !== undefined && (seen === undefined || !sameEpochRow(row, seen.row))) seen = { row, sinceMillis: now };
      const isFree = row === undefined || row.isReleased || now - (seen?.sinceMillis ?? now) > row.leaseDurationMillis;
      if (isFree) {
        const taken = await this.#take(row, signal);
        if (taken !== undefined) return taken;
        continue;
      }
      if (toldHolder !== row.owner) {
        toldHolder = row.owner;
        events.publish({ type: 'engine.standby', applicationName, holder: row.owner, epoch: row.epoch });
      }
      await sleep(clock, Math.min(lookIntervalMillis, failoverTimeMillis / 4), signal);
    }
  }

  /** Tries to become the holder after `row`; `undefined` when somebody else was faster. */
  async #take(row: EpochRow | undefined, signal: AbortSignal): Promise<Epoch | undefined> {
    const { failoverTimeMillis } = this.#options;
    const next: EpochRow = {
      epoch: (row?.epoch ?? 0) + 1,
      owner: this.#owner,
      counter: (row?.counter ?? 0) + 1,
      leaseDurationMillis: failoverTimeMillis,
      batchId: row?.batchId ?? 0,
      ...(row?.pointer === undefined ? {} : { pointer: row.pointer }),
      isReleased: false,
    };
    const askedAtMillis = this.#options.clock.monotonicMillis();
    const applied = await writeUntilKnown(this.#options, next, row, signal);
    return applied ? new Epoch(this.#options, next, askedAtMillis) : undefined;
  }

  #publishFault({ code, message, subject }: MillraceError): void {
    this.#options.events.publish({ type: 'fault.seen', code, message, subject });
  }
}

/** Sends a write until its outcome is known: refused means applied only if the row holds exactly what was written. */
async function writeUntilKnown(
  options: EpochKeeperOptions,
  next: EpochRow,
  seen: EpochRow | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const { clock, random } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const outcome = await writeOnce(options, next, seen, signal);
      return outcome.tag === 'applied' || sameEpochRow(next, outcome.row);
    } catch (thrown) {
      signal.throwIfAborted();
      if (toMillraceError(thrown).reaction === 'fatal') throw thrown;
      await sleep(clock, backoffMillis(retryBackoff, attempt, random), signal);
    }
  }
}

/** One request; one that hangs must not outlast the epoch: four of them fit into it. */
async function writeOnce(
  { table, clock, failoverTimeMillis, applicationName }: EpochKeeperOptions,
  next: EpochRow,
  seen: EpochRow | undefined,
  signal: AbortSignal,
): Promise<EpochOutcome> {
  const late = () =>
    new MillraceError('MR_ENDPOINT_UNREACHABLE', `the row of application ${applicationName} was not written in time`);
  using deadline = deadlineController(clock, failoverTimeMillis / 4, late, signal);
  return await table.write(next, seen, deadline.signal);
}

/**
 * One holding of the epoch. All writes of the row go through one queue, so that a heartbeat and a commit never make each
 * other fail; a commit is a heartbeat.
 */
export class Epoch {
  readonly #options: EpochKeeperOptions;
  readonly #lost = linkedController();
  #row: EpochRow;
  /** The time before the last write that was applied was sent. */
  #confirmedAtMillis: number;
  /** A write that was given up before its outcome was known: it is sent again before anything else. */
  #unsettled: EpochRow | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(options: EpochKeeperOptions, row: EpochRow, confirmedAtMillis: number) {
    this.#options = options;
    this.#row = row;
    this.#confirmedAtMillis = confirmedAtMillis;
    const { events, applicationName } = options;
    events.publish({ type: 'engine.active', applicationName, epoch: row.epoch, batchId: row.batchId });
  }

  /** The number of this holding: the fence. */
  get number(): number {
    return this.#row.epoch;
  }

  /** The last committed batch. */
  get batchId(): number {
    return this.#row.batchId;
  }

  /** The text of the pointer of the last commit. */
  get pointer(): string | undefined {
    return this.#row.pointer;
  }

  /** Aborts when the epoch is another's, or was not confirmed for F: nothing more may be handed out or written. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Whether it is certain that no other process holds the epoch. A process that was paused learns it here, even before its
   * timers had a turn.
   */
  isHeld(): boolean {
    if (this.#isOver) return false;
    const { clock, failoverTimeMillis } = this.#options;
    if (clock.monotonicMillis() - this.#confirmedAtMillis < failoverTimeMillis) return true;
    this.#lose('was not confirmed for as long as it lasts');
    return false;
  }

  /** Writes heartbeats every F/3 until the signal aborts or the epoch is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, failoverTimeMillis } = this.#options;
    const beatMillis = failoverTimeMillis / 3;
    using life = linkedController(signal, this.#lost.signal);
    while (!life.signal.aborted) {
      const dueMillis = this.#confirmedAtMillis + beatMillis - clock.monotonicMillis();
      if (dueMillis > 0) {
        // Never a fraction too small for the clock to move by.
        await pause(clock, Math.max(1, dueMillis), life.signal);
        continue;
      }
      await this.#enqueue(async () => this.#write({}, life.signal)).catch(() => {});
      // A beat that failed for a reason that does not pass must not be sent without end.
      if (clock.monotonicMillis() - this.#confirmedAtMillis >= beatMillis)
        await pause(clock, beatMillis / 4, life.signal);
      this.isHeld();
    }
  }

  /**
   * Moves the pointer, on condition of the epoch and of the batch that the new one follows.
   * @throws the signal's reason, when the outcome is not known
   */
  async commit(
    next: { readonly batchId: number; readonly pointer: string },
    signal: AbortSignal,
  ): Promise<CommitOutcome> {
    return this.#enqueue(async () => {
      if (this.#isOver) return 'lost';
      if (next.batchId !== this.#row.batchId + 1) {
        throw new MillraceError(
          'MR_COMMIT_GAP',
          `batch ${next.batchId} of application ${this.#options.applicationName} was to be committed after batch ${this.#row.batchId}`,
        );
      }
      const { batchId, pointer } = next;
      return (await this.#write({ batchId, pointer }, signal)) ? 'committed' : 'lost';
    });
  }

  /**
   * Names the plan of the batch that follows the last committed one, on condition of the epoch and of that batch.
   * @throws the signal's reason, when the outcome is not known
   */
  async plan(pointer: string, signal: AbortSignal): Promise<CommitOutcome> {
    return this.#enqueue(async () => {
      if (this.#isOver) return 'lost';
      return (await this.#write({ pointer }, signal)) ? 'committed' : 'lost';
    });
  }

  /** Gives the epoch back, so that a standby can take it at its next look. */
  async release(signal: AbortSignal): Promise<void> {
    await this.#enqueue(async () => {
      await this.#write({ isReleased: true }, signal);
      this.#isOver = true;
      this.#lost.abort(this.#error('was given back'));
    });
  }

  async #write(changes: Partial<EpochRow>, signal: AbortSignal): Promise<boolean> {
    if (this.#unsettled !== undefined && !(await this.#put(this.#unsettled, signal))) return false;
    return this.#put({ ...this.#row, ...changes, counter: this.#row.counter + 1 }, signal);
  }

  async #put(next: EpochRow, signal: AbortSignal): Promise<boolean> {
    if (this.#isOver) return false;
    const askedAtMillis = this.#options.clock.monotonicMillis();
    this.#unsettled = next;
    const isApplied = await writeUntilKnown(this.#options, next, this.#row, signal);
    this.#unsettled = undefined;
    if (isApplied) {
      this.#row = next;
      this.#confirmedAtMillis = askedAtMillis;
    } else this.#lose('was taken over by another process');
    return isApplied;
  }

  #enqueue<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(action);
    this.#queue = result.catch(() => {});
    return result;
  }

  #lose(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { events, applicationName } = this.#options;
    events.publish({ type: 'engine.lost', applicationName, epoch: this.#row.epoch, reason: why });
    this.#lost.abort(this.#error(why));
  }

  #error(why: string): MillraceError {
    return new MillraceError(
      'MR_EPOCH_LOST',
      `epoch ${this.#row.epoch} of application ${this.#options.applicationName} ${why}; what was not committed is repeated by the next holder`,
      { subject: { worker: this.#row.owner } },
    );
  }
}
