import type { Lease } from '../lease/lease.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';

/** One record that was put, with what became of it. */
export interface LedgerRecord {
  /** Over all shards, from 0. */
  readonly number: number;
  readonly partitionKey: string;
  /** Among the records of the same key, from 0. */
  readonly numberOfKey: number;
  readonly sequence: bigint;
  readonly arrivalMillis: number;
  /** How often it was handed out. */
  delivered: number;
  /** Whether somebody has finished it. */
  acked: boolean;
  /** Whether retention has taken it. */
  trimmed: boolean;
}

/** One shard of the ledger. */
export interface LedgerShard {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly records: LedgerRecord[];
  readonly bySequence: Map<string, number>;
  closed: boolean;
  /** What the first lease of the shard means by its position: service time; -Infinity for TRIM_HORIZON. */
  momentMillis: number | undefined;
  /** Index of the first record that may be required and is not acked; only moves on. */
  firstOpen: number;
}

/** What a {@link Ledger} is made with. */
export interface LedgerOptions {
  readonly initialPosition: InitialPosition;
  /** How long the stream keeps its records. */
  readonly retentionMillis: number;
  /** The service's time. */
  readonly nowMillis: () => number;
}

/**
 * What was put into the stream, shard by shard, and what became of it: the truth that the checkers compare with.
 */
export class Ledger {
  readonly #shards = new Map<string, LedgerShard>();
  readonly #keys = new Map<string, number>();
  readonly #options: LedgerOptions;
  #records = 0;
  /** Service time at which the end of the first shard sync was recorded. */
  #firstSyncEndedMillis = Infinity;
  /** What LATEST means for the first lease: the other shards of the first sync begin no later. */
  #firstMomentMillis = Infinity;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** All shards that there ever were. */
  get shards(): Iterable<LedgerShard> {
    return this.#shards.values();
  }

  /** Records put so far. */
  get recordCount(): number {
    return this.#records;
  }

  /** Notes a shard that was opened. */
  open(shardId: string, parents: readonly string[]): void {
    for (const parent of parents) this.shard(parent).closed = true;
    this.#shards.set(shardId, {
      shardId,
      parents,
      records: [],
      bySequence: new Map(),
      closed: false,
      momentMillis: undefined,
      firstOpen: 0,
    });
  }

  /** The shard by its name. */
  shard(shardId: string): LedgerShard {
    const shard = this.#shards.get(shardId);
    if (shard === undefined) throw new Error(`the ledger knows no shard ${shardId}`);
    return shard;
  }

  /** Children of a shard. */
  childrenOf(shardId: string): readonly LedgerShard[] {
    return [...this.#shards.values()].filter((shard) => shard.parents.includes(shardId));
  }

  /** Notes a record that was put. */
  put(shardId: string, partitionKey: string, sequenceNumber: string, arrivalMillis: number): void {
    const shard = this.shard(shardId);
    const numberOfKey = this.#keys.get(partitionKey) ?? 0;
    this.#keys.set(partitionKey, numberOfKey + 1);
    shard.bySequence.set(sequenceNumber, shard.records.length);
    shard.records.push({
      number: this.#records,
      partitionKey,
      numberOfKey,
      sequence: BigInt(sequenceNumber),
      arrivalMillis,
      delivered: 0,
      acked: false,
      trimmed: false,
    });
    this.#records += 1;
  }

  /** Notes a lease row that has come or changed; `nowMillis` is the service's time. */
  noteLease(before: Lease | undefined, after: Lease, nowMillis: number): void {
    if (after.firstSyncEnded === true) this.#firstSyncEndedMillis = Math.min(this.#firstSyncEndedMillis, nowMillis);
    const shard = this.#shards.get(after.leaseKey);
    if (before !== undefined || shard === undefined || shard.momentMillis !== undefined) return;
    const { kind } = after.checkpoint;
    const isTimed = kind === 'LATEST' || kind === 'AT_TIMESTAMP';
    shard.momentMillis = isTimed ? Math.min(nowMillis, after.initialTimestampMillis ?? nowMillis) : -Infinity;
    if (kind === 'LATEST' && this.#firstMomentMillis === Infinity) {
      this.#firstMomentMillis = after.initialTimestampMillis ?? nowMillis;
    }
    if (kind === 'AT_TIMESTAMP') shard.momentMillis = after.initialTimestampMillis ?? -Infinity;
  }

  /**
   * Whether the application must process the record: it came after the initial position, or after the moment that the
   * shard's lease stands for, or that of the first lease, or after the first shard sync; and retention has left it.
   */
  isRequired(shard: LedgerShard, record: LedgerRecord): boolean {
    const { initialPosition: initial, retentionMillis, nowMillis } = this.#options;
    if (record.trimmed || record.arrivalMillis < nowMillis() - retentionMillis) return false;
    switch (initial.type) {
      case 'TRIM_HORIZON':
        return true;
      case 'AT_TIMESTAMP':
        return record.arrivalMillis >= initial.timestampMillis;
      case 'LATEST':
        return record.arrivalMillis >= Math.min(this.#firstSyncEndedMillis, this.#momentOf(shard));
    }
  }

  /** All leases of a first sync mean the same moment by LATEST. */
  #momentOf({ momentMillis }: LedgerShard): number {
    return momentMillis === undefined ? Infinity : Math.min(momentMillis, this.#firstMomentMillis);
  }

  /** The first record that must be processed and is not; absent when there is none. */
  firstUnfinished(shard: LedgerShard): LedgerRecord | undefined {
    const { records } = shard;
    for (let index = shard.firstOpen; index < records.length; index += 1) {
      const record = records[index] as LedgerRecord;
      if (!record.acked && this.isRequired(shard, record)) return record;
      // What is not required may become so only while the lease has no moment yet.
      if (index === shard.firstOpen && (record.acked || shard.momentMillis !== undefined)) shard.firstOpen += 1;
    }
    return undefined;
  }

  /** Whether every record that must be processed is. */
  get isFinished(): boolean {
    for (const shard of this.#shards.values()) if (this.firstUnfinished(shard) !== undefined) return false;
    return true;
  }
}
