import PQueue from 'p-queue';
import type { Clock } from '../base/clock.ts';
import type { Notifier } from '../base/notifier.ts';
import { type Position, SHARD_END, comparePositions } from '../base/position.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing } from '../base/retry.ts';
import type { CommitOutcome } from '../block/block-source.ts';
import type { EventSink } from '../event/bus.ts';
import type { ChildShard } from '../kinesis/kinesis-api.ts';
import type { Lease } from '../lease/lease.ts';
import type { Keeper } from '../lease/keeper.ts';
import type { ShardTip } from './shard-tip.ts';

/** What a {@link ShardCheckpointer} needs. */
export interface ShardCheckpointerOptions {
  readonly lease: Lease;
  readonly keeper: Keeper;
  readonly tip: ShardTip;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** Leases the children of the shard; repeated until it succeeds. */
  readonly leaseChildren: (end: ReadEnd, signal: AbortSignal) => Promise<void>;
  /** Notified when SHARD_END is written. */
  readonly leasesChanged: Notifier;
}

/** What is known of a shard that was read to its end. */
export interface ReadEnd {
  /** The children that the last page named; none where that is not known. */
  readonly childShards: readonly ChildShard[];
  /** A service time at which the shard was open, so that its children had no records yet. Milliseconds since 1970. */
  readonly openAtMillis?: number | undefined;
  /** What the engine commits with the end. */
  readonly state?: string | undefined;
}

/** How often the time at which an idle shard was read to its tip is stored at the latest. */
const tipIntervalMillis = 3_600_000;

/** Writes the checkpoints of one shard and tenure: one at a time, never backwards. */
export class ShardCheckpointer {
  readonly #options: ShardCheckpointerOptions;
  readonly #tenure: number;
  readonly #writes = new PQueue({ concurrency: 1 });
  #written: Position;
  /** What the row says of when the shard was last seen at its tip, and when this tenure has last written at all. */
  #tipMillis: number | undefined;
  #wroteAtMillis: number;
  #endWrite: Promise<CommitOutcome> | undefined;

  constructor(options: ShardCheckpointerOptions) {
    this.#options = options;
    this.#tenure = options.lease.tenure as number;
    this.#written = options.lease.checkpoint;
    this.#tipMillis = options.lease.caughtUpAtMillis;
    this.#wroteAtMillis = options.clock.monotonicMillis();
  }

  /** The position in the lease row, as far as this tenure has written it. */
  get written(): Position {
    return this.#written;
  }

  /**
   * Writes a position, with the engine's text where there is one. A position that is not after the written one is only
   * written when it carries a text, and then at the written position.
   */
  write(position: Position, state?: string): Promise<CommitOutcome> {
    return this.#writes.add(async () => {
      const isOld = comparePositions(position, this.#written) <= 0;
      if (isOld && state === undefined) return 'committed';
      return this.#ask(isOld ? this.#written : position, state);
    });
  }

  /** Writes a position beside the checkpoint, with the application's bytes; the next checkpoint removes it. */
  prepare(position: Position, state: Uint8Array | undefined): Promise<CommitOutcome> {
    return this.#writes.add(async () => {
      const { keeper, lease } = this.#options;
      const { leaseKey } = lease;
      const outcome = await keeper.ask({
        type: 'prepare',
        leaseKey,
        tenure: this.#tenure,
        pendingCheckpoint: position,
        ...(state === undefined ? {} : { state }),
      });
      return outcome === 'lost' ? 'lost' : 'committed';
    });
  }

  /**
   * Where an hour has passed without a checkpoint, stores when the shard was last seen at its tip: so that whoever resumes
   * can tell a shard that was idle from one whose records were trimmed.
   */
  writeTip(): Promise<CommitOutcome> {
    return this.#writes.add(async () => {
      const written = this.#written;
      // Whatever record is the oldest needs no time, that of a child is its first; behind the end there is nothing.
      const isAnything = written.kind === 'TRIM_HORIZON' && this.#tipMillis === undefined;
      const isTimed = written.kind !== 'SHARD_END' && !isAnything;
      const seenMillis = isTimed ? this.#options.tip.caughtUpAtMillis(written) : undefined;
      if (seenMillis === undefined || !this.#isTipDue(seenMillis)) return 'committed';
      return this.#ask(written);
    });
  }

  #isTipDue(seenMillis: number): boolean {
    if (this.#tipMillis !== undefined) return seenMillis - this.#tipMillis >= tipIntervalMillis;
    return this.#options.clock.monotonicMillis() - this.#wroteAtMillis >= tipIntervalMillis;
  }

  async #ask(checkpoint: Position, state?: string): Promise<CommitOutcome> {
    const { keeper, lease, tip, clock } = this.#options;
    const seenMillis = tip.caughtUpAtMillis(checkpoint) ?? this.#leastMillis(checkpoint);
    const caughtUpAtMillis = seenMillis === undefined ? undefined : Math.floor(seenMillis);
    const outcome = await keeper.ask({
      type: 'checkpoint',
      leaseKey: lease.leaseKey,
      tenure: this.#tenure,
      checkpoint,
      ...(state === undefined ? {} : { engineState: state }),
      ...(caughtUpAtMillis === undefined ? {} : { caughtUpAtMillis }),
    });
    if (outcome === 'lost') return 'lost';
    this.#written = checkpoint;
    this.#wroteAtMillis = clock.monotonicMillis();
    if (caughtUpAtMillis !== undefined) this.#tipMillis = caughtUpAtMillis;
    return 'committed';
  }

  /**
   * What a row says that has no time yet, of a shard that is behind. Without any, whoever resumes could not tell it from
   * a row of Java, and would not ask whether what the shard was behind by is still there.
   */
  #leastMillis({ kind }: Position): number | undefined {
    return kind === 'SEQUENCE' && this.#tipMillis === undefined ? this.#options.tip.firstArrivalMillis : undefined;
  }

  /**
   * Ends the shard: its children are leased first, then SHARD_END is written, then the lease goes back, since an ended
   * shard needs no heartbeat. All callers share the first outcome, except one that brings a text to an end that is written
   * already: it is lost with the lease.
   */
  async writeEnd(childShards: readonly ChildShard[], signal: AbortSignal, state?: string): Promise<CommitOutcome> {
    if (this.#endWrite === undefined) {
      this.#endWrite = this.#writeEndOnce(childShards, signal, state);
      return this.#endWrite;
    }
    const outcome = await this.#endWrite;
    return state === undefined ? outcome : this.write(SHARD_END, state);
  }

  async #writeEndOnce(
    childShards: readonly ChildShard[],
    signal: AbortSignal,
    state: string | undefined,
  ): Promise<CommitOutcome> {
    const { leaseChildren, clock, random, events, keeper, lease, leasesChanged, tip } = this.#options;
    const end: ReadEnd = { childShards, openAtMillis: tip.lastArrivalMillis, state };
    await retryWhilePassing(() => leaseChildren(end, signal), {
      clock,
      random,
      signal,
      timeoutMillis: Number.POSITIVE_INFINITY,
      onFault: ({ code, message, subject }) => events.publish({ type: 'fault.seen', code, message, subject }),
    });
    const outcome = await this.write(SHARD_END, state);
    if (outcome === 'lost') return 'lost';
    await keeper.ask({ type: 'release', leaseKey: lease.leaseKey, tenure: this.#tenure });
    leasesChanged.notify();
    return 'committed';
  }
}
