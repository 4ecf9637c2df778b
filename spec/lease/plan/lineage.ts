import { SHARD_END } from '../../../lib/base/position.ts';
import type { Shard } from '../../../lib/kinesis/shard.ts';
import { type Lease, isEnded } from '../../../lib/lease/lease.ts';
import {
  type InitialPosition,
  type ShardSyncPlan,
  childLease,
  isFirstSyncOver,
  planShardSync,
} from '../../../lib/lease/plan/shard-sync-plan.ts';

/** The stream of all plans of the tests. */
export const stream = {
  streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders',
  streamCreatedAtMillis: 1_700_000_000_123,
};

/** A shard as ListShards tells it; its number gives the order of birth. */
export function shardOf(number: number, parents: readonly number[] = [], closed = false): Shard {
  return {
    shardId: idOf(number),
    parentShardIds: parents.map(idOf),
    startingHashKey: '0',
    endingHashKey: '9',
    startingSequenceNumber: `4959033827149025660855969253836157109592157${1000 + number}`,
    ...(closed ? { endingSequenceNumber: `4959033827149025660855969253836157109592157${5000 + number}` } : {}),
  };
}

/** The id of a shard by its number. */
export function idOf(number: number): string {
  return `shardId-${String(number).padStart(12, '0')}`;
}

interface ModelShard {
  readonly number: number;
  readonly parents: readonly number[];
  readonly bornAt: number;
  closedAt: number | undefined;
  trimmed: boolean;
}

/** A stream that is split, merged and trimmed, with the leases that one application has in it. */
export class Lineage {
  readonly shards: ModelShard[] = [];
  readonly leases = new Map<string, Lease>();
  /** Every shard that ever had a lease. */
  readonly everLeased = new Set<string>();
  /** The number of shards when the first sync was known to be over. */
  shardsAtFirstSync: number | undefined;
  readonly initialPosition: InitialPosition;
  #now = 1_000;

  constructor(initialPosition: InitialPosition, shardCount: number) {
    this.initialPosition = initialPosition;
    for (let count = 0; count < shardCount; count += 1) this.#bear([]);
  }

  #bear(parents: readonly number[]): void {
    this.#now += 1;
    this.shards.push({
      number: this.shards.length,
      parents,
      bornAt: this.#now,
      closedAt: undefined,
      trimmed: false,
    });
  }

  get #open(): ModelShard[] {
    return this.shards.filter((shard) => shard.closedAt === undefined);
  }

  split(pick: number): void {
    const shard = this.#open[pick % this.#open.length]!;
    this.#now += 1;
    shard.closedAt = this.#now;
    this.#bear([shard.number]);
    this.#bear([shard.number]);
  }

  merge(pick: number): void {
    const [one, other] = [this.#open[pick % this.#open.length]!, this.#open[(pick + 1) % this.#open.length]!];
    if (one === other) return;
    this.#now += 1;
    one.closedAt = this.#now;
    other.closedAt = this.#now;
    this.#bear([one.number, other.number]);
  }

  /** Retention passes the oldest closed shard that is still listed. */
  trim(): void {
    const [oldest] = this.shards.filter((shard) => shard.closedAt !== undefined && !shard.trimmed);
    if (oldest !== undefined) oldest.trimmed = true;
  }

  /** What ListShards answers, in the order of nothing. */
  list(at: InitialPosition | undefined): readonly Shard[] {
    const listed = this.shards.filter((shard) => !shard.trimmed);
    const isTrimmed = (number: number) => this.shards[number]?.trimmed ?? true;
    const matches = (shard: ModelShard): boolean => {
      switch (at?.type) {
        case undefined:
          return true;
        case 'LATEST':
          return shard.closedAt === undefined;
        case 'TRIM_HORIZON':
          return shard.parents.every(isTrimmed);
        case 'AT_TIMESTAMP':
          return (
            (shard.bornAt <= at.timestampMillis || shard.parents.every(isTrimmed)) &&
            (shard.closedAt === undefined || shard.closedAt >= at.timestampMillis)
          );
      }
    };
    return listed
      .filter(matches)
      .map((shard) => shardOf(shard.number, shard.parents, shard.closedAt !== undefined))
      .toReversed();
  }

  /** One sync as the syncer makes it, of which only the first `applied` leases are created. */
  sync(applied = Number.MAX_SAFE_INTEGER): ShardSyncPlan {
    const leases = [...this.leases.values()];
    const at = isFirstSyncOver(leases) ? undefined : this.initialPosition;
    const plan = planShardSync({
      stream,
      shards: this.list(at),
      lineage: this.list(undefined),
      leases,
      initialPosition: this.initialPosition,
      serviceTimeMillis: this.#now,
    });
    for (const lease of plan.create.slice(0, applied)) this.create(lease);
    if (plan.markFirstSyncEnded !== undefined && applied > plan.create.length) {
      const marked = this.leases.get(plan.markFirstSyncEnded)!;
      this.leases.set(marked.leaseKey, { ...marked, firstSyncEnded: true });
    }
    if (isFirstSyncOver([...this.leases.values()])) this.shardsAtFirstSync ??= this.shards.length;
    return plan;
  }

  create(lease: Lease): void {
    if (this.leases.has(lease.leaseKey)) return;
    this.leases.set(lease.leaseKey, lease);
    this.everLeased.add(lease.leaseKey);
  }

  /** The leases whose shard is closed and whose parents are read: what a worker may read to the end. */
  get endable(): readonly ModelShard[] {
    return this.shards.filter((shard) => {
      const lease = this.leases.get(idOf(shard.number));
      if (shard.closedAt === undefined || lease === undefined || isEnded(lease)) return false;
      return shard.parents.every((parent) => {
        const row = this.leases.get(idOf(parent));
        return row === undefined || isEnded(row);
      });
    });
  }

  /** A worker reads a lease to its end: children first, then SHARD_END; it may crash between any two writes. */
  end(pick: number, crashAfter = Number.MAX_SAFE_INTEGER): void {
    const { endable } = this;
    const shard = endable[pick % endable.length];
    if (shard === undefined) return;
    const children = this.shards.filter((child) => child.parents.includes(shard.number));
    // As the receiver does: a parent of a merge without a lease is leased before the child.
    if (children.some((child) => child.parents.some((parent) => !this.leases.has(idOf(parent))))) this.sync();
    for (const [index, child] of children.entries()) {
      if (index >= crashAfter) return;
      this.create(childLease(shardOf(child.number, child.parents), stream));
    }
    if (crashAfter < Number.MAX_SAFE_INTEGER) return;
    const leaseKey = idOf(shard.number);
    this.leases.set(leaseKey, { ...this.leases.get(leaseKey)!, checkpoint: SHARD_END });
  }

  /** KCL's cleanup: an ended lease goes when its children have leases and its parents' are gone. */
  cleanUp(): void {
    for (const shard of this.shards) {
      const lease = this.leases.get(idOf(shard.number));
      if (lease === undefined || !isEnded(lease)) continue;
      const children = this.shards.filter((child) => child.parents.includes(shard.number));
      if (children.length === 0 || !children.every((child) => this.leases.has(idOf(child.number)))) continue;
      if (shard.parents.some((parent) => this.leases.has(idOf(parent)))) continue;
      this.leases.delete(idOf(shard.number));
    }
  }

  /** The ancestors of which the listing and the leases still tell; those beyond a trimmed shard without a lease hold no records. */
  ancestorsOf(shardId: string): ReadonlySet<string> {
    const found = new Set<number>();
    const open = this.shards.filter((shard) => idOf(shard.number) === shardId).flatMap((shard) => [...shard.parents]);
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      if (found.has(number)) continue;
      found.add(number);
      const shard = this.shards[number]!;
      if (!shard.trimmed || this.leases.has(idOf(number))) open.push(...shard.parents);
    }
    return new Set([...found].map(idOf));
  }
}
