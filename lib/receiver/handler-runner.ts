import { linkedController } from '../base/abort.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError, messageOf } from '../base/error.ts';
import { formatPosition } from '../base/position.ts';
import type { Random } from '../base/random.ts';
import type { KinesisRecord } from '../block/record.ts';
import type { EventSink } from '../event/bus.ts';
import { type FailureDecision, type FailurePolicy, decideAfterFailure, isStuckEventDue } from './failure-policy.ts';
import { PartialFailure } from './partial-failure.ts';

/** What is to be processed: a block, or anything with these three of its fields. */
export interface PolicyWork {
  /** The shard that events name; what is left out is told by the shard of each record. */
  readonly shardId: string;
  readonly records: readonly KinesisRecord[];
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal;
  /** Whether the handler is called although there are no records: it has to hear of the end of a shard. Default false. */
  readonly isRunWithoutRecords?: boolean;
  /** Whether the shard's lease is still held, where the records are of several; what is not is left to the next owner. */
  readonly isOurs?: (shardId: string) => boolean;
}

/** Processes records; when it returns or resolves they are finished. The signal aborts when the work is of no more use. */
export type RecordsHandler = (
  records: readonly KinesisRecord[],
  signal: AbortSignal,
  attempt: number,
) => Promise<void> | void;

/** A failure policy, and what it is played by: the same for all work of a run. */
export interface PolicyPorts {
  readonly policy: FailurePolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** The service's time, milliseconds since 1970, for the age of records. */
  readonly serviceTimeMillis: () => number;
  /** How long the stream keeps records; `undefined` while that is not known. */
  readonly retentionMillis: () => number | undefined;
}

/** Everything that {@link runWithPolicy} needs. */
export interface PolicyRun extends PolicyPorts {
  readonly work: PolicyWork;
  readonly handler: RecordsHandler;
  /** Aborts when the whole run is to end at once. */
  readonly signal: AbortSignal;
  /** Hears of records as soon as they are finished, in order: processed, skipped, or safe in the dead letter. */
  readonly onFinished?: (records: readonly KinesisRecord[]) => void;
  /** Hears of each call of the handler and of the dead letter; what it answers with is called when that has returned. */
  readonly onAttempt?: (work: PolicyWork) => () => void;
}

/** What became of the records: each was processed or left out, none both. */
export interface PolicyOutcome {
  readonly processed: number;
  readonly skipped: number;
}

/**
 * Runs the handler over the records of one block under the failure policy. Resolves when every record is finished:
 * processed, skipped, or safe in the dead letter. Records are processed in order; nothing after a failing record is
 * begun before that record is finished. A block without records calls no handler.
 * @throws MillraceError `MR_HANDLER_FAILED` when the policy says STOP, or when the dead letter fails; the signal's
 * reason when the lease is lost or the run aborted and the records are not finished
 */
export async function runWithPolicy(run: PolicyRun): Promise<PolicyOutcome> {
  using linked = linkedController(run.work.signal, run.signal);
  // Halves and rests wait here, first to be done last; bisecting keeps it below the number of records.
  const { records: all, isRunWithoutRecords = false } = run.work;
  const waiting: (readonly KinesisRecord[])[] = all.length === 0 && !isRunWithoutRecords ? [] : [all];
  const stuck: StuckState = { lastEventMillis: undefined };
  let skipped = 0;
  for (let records = waiting.pop(); records !== undefined; records = waiting.pop()) {
    const given = await attemptUntilDecided(run, records, linked.signal, stuck);
    if (given === 'processed') continue;
    if (given.decision.action === 'bisect') {
      const [first, second] = given.decision.halves;
      waiting.push(second, first);
      continue;
    }
    skipped += await giveUp(run, given.decision, given);
    run.onFinished?.(given.decision.records);
    if (given.decision.rest.length > 0) waiting.push(given.decision.rest);
  }
  return { processed: all.length - skipped, skipped };
}

interface StuckState {
  lastEventMillis: number | undefined;
}

/** A failure at which trying the same records again is over. */
interface FinalFailure {
  readonly decision: Exclude<FailureDecision, { action: 'retry' }>;
  readonly error: unknown;
  readonly attempts: number;
}

/**
 * Tries the same records until the handler succeeds or the policy decides something else than another attempt. Where
 * the handler says how far it came, only the rest is tried again, and counts anew.
 */
async function attemptUntilDecided(
  run: PolicyRun,
  given: readonly KinesisRecord[],
  signal: AbortSignal,
  stuck: StuckState,
): Promise<'processed' | FinalFailure> {
  let records = given;
  for (let attempts = 1; ; attempts += 1) {
    signal.throwIfAborted();
    try {
      await attempt(run, records, signal, attempts);
      run.onFinished?.(records);
      return 'processed';
    } catch (thrown) {
      // A handler that stops because it was told to has not failed.
      signal.throwIfAborted();
      const { finished, error } = progressOf(thrown, records);
      if (finished > 0) {
        run.onFinished?.(records.slice(0, finished));
        records = records.slice(finished);
        attempts = 1;
      }
      const serviceTimeMillis = run.serviceTimeMillis();
      tellWhenStuck(run, records, { attempts, error, serviceTimeMillis }, stuck);
      const failure = { records, failedAttempts: attempts, serviceTimeMillis, isRest: finished > 0 };
      const decision = decideAfterFailure(run.policy, failure, run.random);
      if (decision.action !== 'retry') return { decision, error, attempts };
      await sleep(run.clock, decision.delayMillis, signal);
    }
  }
}

async function attempt(
  run: PolicyRun,
  records: readonly KinesisRecord[],
  signal: AbortSignal,
  attempts: number,
): Promise<void> {
  const returned = run.onAttempt?.(run.work);
  try {
    await run.handler(records, signal, attempts);
  } finally {
    returned?.();
  }
}

function progressOf(thrown: unknown, records: readonly KinesisRecord[]): { finished: number; error: unknown } {
  if (!(thrown instanceof PartialFailure)) return { finished: 0, error: thrown };
  // The record that failed is never among the finished ones.
  return { finished: Math.min(thrown.finished, records.length - 1), error: thrown.cause };
}

function tellWhenStuck(
  run: PolicyRun,
  records: readonly KinesisRecord[],
  failure: { attempts: number; error: unknown; serviceTimeMillis: number },
  stuck: StuckState,
): void {
  const now = run.clock.monotonicMillis();
  if (!isStuckEventDue(failure.attempts, now, stuck.lastEventMillis)) return;
  stuck.lastEventMillis = now;
  const oldestMillis = records.reduce(
    (oldest, record) => Math.min(oldest, record.arrivalTimeMillis),
    failure.serviceTimeMillis,
  );
  const ageMillis = Math.max(0, Math.round(failure.serviceTimeMillis - oldestMillis));
  const retentionMillis = run.retentionMillis();
  run.events.publish({
    type: 'batch.stuck',
    shardId: run.work.shardId,
    attempts: failure.attempts,
    ageMillis,
    ...(retentionMillis === undefined ? {} : { retentionMillis, leftMillis: Math.max(0, retentionMillis - ageMillis) }),
    message: messageOf(failure.error),
  });
}

/** Leaves records out, or writes them to the dead letter; answers with how many. Nothing is left out when that fails. */
async function giveUp(
  run: PolicyRun,
  decision: Extract<FailureDecision, { action: 'giveUp' }>,
  { error, attempts }: FinalFailure,
): Promise<number> {
  const { isOurs = () => true } = run.work;
  if (run.policy.then === 'STOP') throw handlerFailed(run, decision, attempts, error);
  let skipped = 0;
  for (const [shardId, records] of byShard(decision.records)) {
    if (!isOurs(shardId)) continue;
    await leaveOut(run, { shardId, records, error, attempts });
    skipped += records.length;
  }
  return skipped;
}

interface LeftOut {
  readonly shardId: string;
  readonly records: readonly KinesisRecord[];
  readonly error: unknown;
  readonly attempts: number;
}

async function leaveOut(run: PolicyRun, { shardId, records, error, attempts }: LeftOut): Promise<void> {
  const { then } = run.policy;
  if (then !== 'STOP' && then !== 'SKIP') {
    const context = { shardId, error, attempts, failedAtMillis: run.clock.wallMillis() };
    const returned = run.onAttempt?.(run.work);
    try {
      // Records of their own: a dead letter may keep them for as long as it likes.
      const own = records.map((record) => record.detach());
      await then.write(own, context);
    } catch (thrown) {
      throw new MillraceError(
        'MR_HANDLER_FAILED',
        `the dead letter could not take ${countOf(records)} of shard ${shardId}, which the handler had failed for: ` +
          `${messageOf(thrown)}; make it writable and start again, the records will come again`,
        { subject: { shard: shardId }, cause: thrown },
      );
    } finally {
      returned?.();
    }
  }
  run.events.publish({
    type: 'records.skipped',
    shardId,
    records: records.length,
    to: then === 'SKIP' ? 'nowhere' : 'deadLetter',
    message: messageOf(error),
  });
}

function byShard(records: readonly KinesisRecord[]): ReadonlyMap<string, readonly KinesisRecord[]> {
  const shards = new Map<string, KinesisRecord[]>();
  for (const record of records) {
    const known = shards.get(record.shardId);
    if (known === undefined) shards.set(record.shardId, [record]);
    else known.push(record);
  }
  return shards;
}

function handlerFailed(
  run: PolicyRun,
  { records, because }: Extract<FailureDecision, { action: 'giveUp' }>,
  attempts: number,
  cause: unknown,
): MillraceError {
  const { shardId } = run.work;
  const [first, last] = [records[0], records.at(-1)].map((record) => record && formatPosition(record.position));
  const limit =
    because === 'attempts'
      ? `onFailure.maximumRetryAttempts is ${run.policy.maximumRetryAttempts}`
      : `onFailure.maximumRecordAgeInSeconds is ${run.policy.maximumRecordAgeInSeconds}`;
  return new MillraceError(
    'MR_HANDLER_FAILED',
    `the handler failed for ${countOf(records)} of shard ${shardId} (${first} to ${last}), ` +
      `attempts: ${attempts}, ${limit}: ${messageOf(cause)}; ` +
      `correct the handler, or set onFailure.then to SKIP or a dead letter`,
    { subject: { shard: shardId }, cause },
  );
}

function countOf(records: readonly KinesisRecord[]): string {
  return records.length === 1 ? '1 record' : `${records.length} records`;
}
