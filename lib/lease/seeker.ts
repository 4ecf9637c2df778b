import { MillraceError, toMillraceError } from '../base/error.ts';
import { formatPosition } from '../base/position.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { Lease } from './lease.ts';
import type { LeaseTable } from './lease-table.ts';
import { type EngineMove, seekLease } from './lease-write.ts';
import { type PlaceOfSeek, type SeekStep, type SeekTarget, placeOf, planSeek } from './plan/seek-plan.ts';
import { type StreamIdentity, childLease } from './plan/shard-sync-plan.ts';
import { checkStream } from './stream-check.ts';

/** How often a row is read anew that changes under the seek; its owner writes it a few times in F. */
const maximumAttempts = 20;

/** What {@link seekLeases} works with. */
export interface SeekOptions {
  readonly table: LeaseTable;
  readonly stream: StreamIdentity;
  /** All shards that the stream still has. */
  readonly shards: readonly Shard[];
  readonly target: SeekTarget;
  /** The shards to move; absent for all. */
  readonly only?: readonly string[];
  /** Only says what would be done. */
  readonly dryRun: boolean;
  /**
   * What becomes of the engine's state on a row, in the same write; without it rows with state are refused. `isHeir`: a parent
   * of the shard is moved, too, and will be read to its end again before the shard begins.
   */
  readonly moveState?: (
    lease: Lease,
    to: PlaceOfSeek & { readonly isHeir: boolean },
    signal: AbortSignal,
  ) => Promise<EngineMove>;
}

/** What a seek does to one shard, or would do. */
export interface SeekMove {
  readonly shardId: string;
  /** The checkpoint before; absent for a shard that had no lease. */
  readonly from?: string;
  /** The checkpoint after: a name, or the sequence number behind which reading goes on. */
  readonly to: string;
  /** The worker that the lease is taken from. */
  readonly evicted?: string;
  readonly applied: boolean;
}

/**
 * Moves leases to another place, against their owners: one conditional write each sets the checkpoint, removes the owner and
 * everything pending, and adds 1 to the counter, so that the owner is fenced and the next tenure begins there. One after
 * the other, parents first: a seek that was cut off has skipped nothing that it was not asked to, and a second one finishes it.
 * Its error says which leases have moved.
 * @throws MillraceError `MR_SEEK_STATE` where a lease carries the state of an engine, before anything is written;
 * `MR_CONFIG_INVALID` for a shard that does not exist; `MR_STREAM_CHANGED`
 */
export async function seekLeases(options: SeekOptions, signal: AbortSignal): Promise<readonly SeekMove[]> {
  const { table, stream, shards, target, dryRun } = options;
  const { leases } = await table.scan(signal);
  checkStream(leases, stream);
  const only = options.only === undefined ? undefined : new Set(options.only);
  checkShards(shards, only);
  const steps = planSeek({ leases, shards, target, ...(only === undefined ? {} : { only }) });
  if (options.moveState === undefined) checkState(steps);
  if (dryRun) return steps.map((step) => moveOf(step, target, false));
  const moves: SeekMove[] = [];
  const moved = new Set(steps.map(keyOf));
  for (const step of steps) {
    try {
      moves.push(await perform(step, moved, options, signal));
    } catch (thrown) {
      throw halfDone(thrown, moves, steps, target);
    }
  }
  return moves;
}

/** What ended a seek, with what it has done by then: whether the write that failed was applied is not known. */
function halfDone(
  thrown: unknown,
  moves: readonly SeekMove[],
  steps: readonly SeekStep[],
  target: SeekTarget,
): MillraceError {
  const { code, message, subject, reaction } = toMillraceError(thrown);
  const [open = '', ...left] = steps.slice(moves.length).map(keyOf);
  const moved = moves.length === 0 ? 'none' : moves.map(({ shardId }) => shardId).join(', ');
  const rest = left.length === 0 ? '' : `, not moved: ${left.join(', ')}`;
  // LATEST means another time at each seek, and what is put in between would be left out.
  const isLatest = target.type === 'LATEST';
  const place = isLatest ? ` to ${new Date(target.timestampMillis).toISOString()}, which LATEST meant here,` : '';
  return new MillraceError(
    code,
    `${message.slice(`${code}: `.length)}; the seek is half done (moved: ${moved}, perhaps moved: ${open}${rest}): seek again${place} to finish it`,
    { subject, reaction, cause: thrown },
  );
}

async function perform(
  step: SeekStep,
  moved: ReadonlySet<string>,
  options: SeekOptions,
  signal: AbortSignal,
): Promise<SeekMove> {
  const { table, stream, target, moveState } = options;
  const place = placeOf(target);
  const { checkpoint, initialTimestampMillis } = place;
  const kept = keptBy(step, options);
  if (step.action === 'create') {
    const lease: Lease = {
      ...childLease(step.shard, stream),
      checkpoint,
      ...(initialTimestampMillis === undefined ? {} : { initialTimestampMillis }),
      ...(kept === undefined ? {} : { caughtUpAtMillis: kept }),
    };
    if (await table.createIfAbsent(lease, signal)) return moveOf(step, target, true);
  }
  const leaseKey = keyOf(step);
  let lease = step.action === 'move' ? step.lease : await table.get(leaseKey, signal);
  for (let attempt = 1; lease !== undefined && attempt <= maximumAttempts; attempt += 1) {
    const now: SeekStep = { action: 'move', lease };
    if (moveState === undefined) checkState([now]);
    const isHeir = lease.parentShardIds.some((parent) => moved.has(parent));
    const engine = await moveState?.(lease, { ...place, isHeir }, signal);
    const written = await table.write(seekLease(lease, checkpoint, initialTimestampMillis, engine, kept), signal);
    if (written.outcome === 'applied') return moveOf(now, target, true);
    lease = written.lease;
  }
  throw new MillraceError(
    'MR_INTERNAL',
    `lease ${leaseKey} ${lease === undefined ? 'is gone' : 'changed at each attempt to move it'}; seek again`,
    { subject: { lease: leaseKey } },
  );
}

const keyOf = (step: SeekStep): string => (step.action === 'move' ? step.lease.leaseKey : step.shard.shardId);

/**
 * What a row at a time says of when its records were put. A shard whose parents are there begins when they are read to their
 * ends, maybe long after, and had no records before it was made: of that the time says nothing.
 */
function keptBy(step: SeekStep, { target, shards }: SeekOptions): number | undefined {
  if (target.type !== 'AT_TIMESTAMP') return undefined;
  const { parentShardIds } = step.action === 'move' ? step.lease : step.shard;
  const listed = new Set(shards.map(({ shardId }) => shardId));
  return parentShardIds.some((parent) => listed.has(parent)) ? undefined : target.caughtUpAtMillis;
}

function moveOf(step: SeekStep, target: SeekTarget, applied: boolean): SeekMove {
  const place = { shardId: keyOf(step), to: formatPosition(placeOf(target).checkpoint), applied };
  if (step.action === 'create') return place;
  const { checkpoint, leaseOwner, checkpointOwner } = step.lease;
  const evicted = checkpointOwner ?? leaseOwner;
  return { ...place, from: formatPosition(checkpoint), ...(evicted === undefined ? {} : { evicted }) };
}

function checkShards(shards: readonly Shard[], only: ReadonlySet<string> | undefined): void {
  const known = new Set(shards.map(({ shardId }) => shardId));
  const unknown = [...(only ?? [])].filter((shardId) => !known.has(shardId));
  if (unknown.length === 0) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `shards: ${unknown.join(', ')} ${unknown.length === 1 ? 'is' : 'are'} not in the stream, which has ${[...known].join(', ')}`,
    { subject: { option: 'shards', shard: unknown[0] as string } },
  );
}

function checkState(steps: readonly SeekStep[]): void {
  const stateful = steps.filter((step) => step.action === 'move' && step.lease.engineState !== undefined).map(keyOf);
  if (stateful.length === 0) return;
  throw new MillraceError(
    'MR_SEEK_STATE',
    `an engine keeps state that goes with the position of ${stateful.join(', ')}; a seek would part them: say what becomes of it (state, --state): KEEP, EMPTY or a version, or go back with it (rewind)`,
    { subject: { shard: stateful[0] as string } },
  );
}
