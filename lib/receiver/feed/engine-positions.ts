import { deadlineController, raceAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { MillraceError, messageOf } from '../../base/error.ts';
import { type Position, formatPosition, isInitialSentinel } from '../../base/position.ts';
import type { BatchEngine } from '../../block/batch-engine.ts';
import type { Lease } from '../../lease/lease.ts';

/** Where reading of a shard begins; see {@link startOfEngine}. */
export type StartAt = (lease: Pick<Lease, 'leaseKey' | 'checkpoint'>, signal: AbortSignal) => Promise<Position>;

/** How long an engine is waited for, by which clock. */
export interface StartPatience {
  readonly clock: Clock;
  readonly stalledAfterMillis: number;
}

/**
 * Asks an engine with positions of its own where to begin a shard; they win over the lease row.
 * @throws MillraceError `MR_POSITION_HOLE` when the engine has no position for a shard of which the lease row says that
 * records are finished; `MR_HANDLER_FAILED` when the engine rejects, answers nonsense or does not settle in time: nobody
 * would read the shard then, though its lease is renewed; the signal's reason
 */
export function startOfEngine(engine: BatchEngine, { clock, stalledAfterMillis }: StartPatience): StartAt {
  return async (lease, signal) => {
    if (engine.positions === undefined) return lease.checkpoint;
    const { leaseKey } = lease;
    const asked = async () => engine.positions?.([leaseKey]);
    const late = () => failed(leaseKey, `had not settled after ${stalledAfterMillis} ms (stalledAfterMillis)`);
    using patience = deadlineController(clock, stalledAfterMillis, late, signal);
    const answer: unknown = await raceAbort(asked(), patience.signal).catch((thrown: unknown) => {
      patience.signal.throwIfAborted();
      throw failed(leaseKey, `rejected: ${messageOf(thrown)}`, thrown);
    });
    if (!(answer instanceof Map)) throw failed(leaseKey, `gave ${describe(answer)}`);
    const position: unknown = answer.get(leaseKey);
    if (position === undefined) return startWithout(lease);
    if (!isPosition(position)) throw failed(leaseKey, `gave ${describe(position)} for it`);
    return position;
  };
}

/** The engine has taken nothing of the shard: it begins where nobody has finished anything. */
function startWithout({ leaseKey, checkpoint }: Pick<Lease, 'leaseKey' | 'checkpoint'>): Position {
  if (isInitialSentinel(checkpoint)) return checkpoint;
  throw new MillraceError(
    'MR_POSITION_HOLE',
    `the engine has no position for shard ${leaseKey}, whose lease is at ${formatPosition(checkpoint)}: ` +
      'to begin there would leave out what the engine never took. Give it the state that belongs to this application, ' +
      'or let positions() answer TRIM_HORIZON for the shard, or the position of the lease if nothing is missing',
    { subject: { shard: leaseKey } },
  );
}

function failed(shardId: string, what: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'MR_HANDLER_FAILED',
    `positions() of the engine was asked for shard ${shardId} and ${what}; it must resolve to a Map from shard id to ` +
      "position: { kind: 'SEQUENCE', sequenceNumber: 123n, subSequenceNumber: 0 }, or the kind TRIM_HORIZON or SHARD_END",
    { subject: { shard: shardId }, cause },
  );
}

/** LATEST and AT_TIMESTAMP are none: they mean another place each time. */
function isPosition(value: unknown): value is Position {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, sequenceNumber, subSequenceNumber } = value as Partial<Record<string, unknown>>;
  if (kind === 'TRIM_HORIZON' || kind === 'SHARD_END') return true;
  if (kind !== 'SEQUENCE' || typeof sequenceNumber !== 'bigint' || sequenceNumber < 0n) return false;
  return typeof subSequenceNumber === 'number' && Number.isSafeInteger(subSequenceNumber) && subSequenceNumber >= 0;
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { kind } = value as { kind?: unknown };
  return typeof kind === 'string' ? `a position of kind ${kind}` : `an object that is neither Map nor position`;
}
