import { Notifier } from '../base/notifier.ts';
import { randomInteger, seededRandom } from '../base/random.ts';
import type { RawRecord } from '../kinesis/kinesis-api.ts';
import type { Shard } from '../kinesis/shard.ts';
import { awsError } from './aws-error.ts';
import { evenHashRanges } from './hash-key.ts';

/** One record of the model. */
export interface FakeRecord {
  readonly sequence: bigint;
  readonly raw: RawRecord;
}

/** One shard of the model, open or closed. */
export interface FakeShard {
  readonly shardId: string;
  readonly parentShardIds: readonly string[];
  readonly start: bigint;
  readonly end: bigint;
  readonly firstSequence: bigint;
  readonly createdAtMillis: number;
  /** Ordered by sequence; trimmed ones are gone. */
  records: FakeRecord[];
  closed?: { readonly lastSequence: bigint; readonly atMillis: number };
}

/** What {@link FakeStream} is made with. */
export interface FakeStreamOptions {
  readonly shardCount: number;
  readonly retentionPeriodHours: number;
  /** The service's clock. */
  readonly nowMillis: () => number;
  /** The stream of the same name before this one; neither its sequence numbers nor its time of creation come again. */
  readonly previous?: FakeStream;
}

/** 56 digits, as real ones have; far from where the number of digits would change. */
const firstSequence = 49590338271490256608559692538361571095921575989136588898n;
/** Sequence numbers have gaps, so that code which counts on + 1 fails with the model too. */
const maxSequenceGap = 1 << 20;

/** The data of a stream: shards with hash ranges, records, splits, merges and retention. No limits, no iterators. */
export class FakeStream {
  readonly createdAtMillis: number;
  readonly retentionPeriodHours: number;
  /** Wakes those who wait for a record, or for the end of a shard. */
  readonly changed = new Notifier();
  readonly #nowMillis: () => number;
  readonly #random = seededRandom(1);
  #shards: FakeShard[] = [];
  #made = 0;
  #lastSequence: bigint;

  constructor(options: FakeStreamOptions) {
    this.#nowMillis = options.nowMillis;
    this.#lastSequence = options.previous?.lastSequence ?? firstSequence;
    this.createdAtMillis = Math.max(options.nowMillis(), (options.previous?.createdAtMillis ?? 0) + 1);
    this.retentionPeriodHours = options.retentionPeriodHours;
    // The first shards are as old as the stream: a listing at the horizon of a young stream looks for those of its creation.
    for (const range of evenHashRanges(options.shardCount)) {
      this.#add(range.start, range.end, { parentShardIds: [], atMillis: this.createdAtMillis });
    }
  }

  /** The last sequence number given to anything. */
  get lastSequence(): bigint {
    return this.#lastSequence;
  }

  /** The shards that retention has left, in the order of their making. */
  get shards(): readonly FakeShard[] {
    this.#expire();
    return this.#shards;
  }

  /** The shard by its name; absent when there never was one, or retention has taken it. */
  find(shardId: string): FakeShard | undefined {
    return this.shards.find((shard) => shard.shardId === shardId);
  }

  /** The open shard that takes records of this hash key. */
  shardFor(hashKey: bigint): FakeShard {
    const found = this.#shards.find(
      (shard) => shard.closed === undefined && shard.start <= hashKey && hashKey <= shard.end,
    );
    if (found === undefined) throw awsError('InvalidArgumentException', `no open shard covers hash key ${hashKey}`);
    return found;
  }

  /** Appends a record to a shard. */
  put(partitionKey: string, data: Uint8Array, shard: FakeShard): FakeRecord {
    const sequence = this.#nextSequence();
    // A copy, since the caller may write its buffer again.
    const raw = {
      data: data.slice(),
      partitionKey,
      sequenceNumber: `${sequence}`,
      arrivalTimeMillis: this.#nowMillis(),
    };
    const record = { sequence, raw };
    shard.records.push(record);
    this.changed.notify();
    return record;
  }

  /** Closes a shard and opens two in its place; in the middle unless a hash key is given. */
  split(shardId: string, newStartingHashKey?: bigint): readonly [FakeShard, FakeShard] {
    const parent = this.#openShard(shardId);
    const middle = newStartingHashKey ?? (parent.start + parent.end) / 2n + 1n;
    if (middle <= parent.start || middle > parent.end) {
      throw awsError('InvalidArgumentException', `hash key ${middle} does not split ${shardId}`);
    }
    const birth = { parentShardIds: [shardId], atMillis: this.#nowMillis() };
    this.#close(parent, birth.atMillis);
    return [this.#add(parent.start, middle - 1n, birth), this.#add(middle, parent.end, birth)];
  }

  /** Closes two adjacent shards and opens one in their place. */
  merge(shardId: string, adjacentShardId: string): FakeShard {
    const one = this.#openShard(shardId);
    const other = this.#openShard(adjacentShardId);
    if (one.end + 1n !== other.start && other.end + 1n !== one.start) {
      throw awsError('InvalidArgumentException', `${shardId} and ${adjacentShardId} are not adjacent`);
    }
    const birth = { parentShardIds: [shardId, adjacentShardId], atMillis: this.#nowMillis() };
    this.#close(one, birth.atMillis);
    this.#close(other, birth.atMillis);
    const start = one.start < other.start ? one.start : other.start;
    const end = one.end > other.end ? one.end : other.end;
    return this.#add(start, end, birth);
  }

  /**
   * Splits and merges until the open shards divide the hash space evenly: first a cut at every boundary that is missing, then
   * merges of what lies between two boundaries. As with Kinesis, shards on the way are closed and stay listed.
   */
  reshape(targetCount: number): void {
    const ranges = evenHashRanges(targetCount);
    for (const { start } of ranges) {
      const shard = this.shardFor(start);
      if (shard.start !== start) this.split(shard.shardId, start);
    }
    for (const { start, end } of ranges) {
      let shard = this.shardFor(start);
      while (shard.end < end) shard = this.merge(shard.shardId, this.shardFor(shard.end + 1n).shardId);
    }
  }

  /** Removes the records of a shard up to a sequence number, or all, as if retention had passed them. */
  trim(shardId: string, through?: bigint): void {
    const shard = this.find(shardId);
    if (shard !== undefined) {
      shard.records = through === undefined ? [] : shard.records.filter((record) => record.sequence > through);
    }
  }

  /** Removes a closed shard, as retention does some time after it was closed. */
  forget(shardId: string): void {
    this.#shards = this.#shards.filter((shard) => shard.shardId !== shardId);
  }

  #openShard(shardId: string): FakeShard {
    const shard = this.find(shardId);
    if (shard === undefined) throw awsError('ResourceNotFoundException', `Shard ${shardId} does not exist`);
    if (shard.closed !== undefined) throw awsError('InvalidArgumentException', `Shard ${shardId} is closed`);
    return shard;
  }

  #add(start: bigint, end: bigint, birth: Pick<FakeShard, 'parentShardIds'> & { atMillis: number }): FakeShard {
    const { parentShardIds, atMillis } = birth;
    const shard: FakeShard = {
      shardId: `shardId-${String(this.#made).padStart(12, '0')}`,
      parentShardIds,
      start,
      end,
      firstSequence: this.#nextSequence(),
      createdAtMillis: atMillis,
      records: [],
    };
    this.#made += 1;
    this.#shards.push(shard);
    return shard;
  }

  /** At the moment in which its children are made, so that at every time somebody holds each part of the hash space. */
  #close(shard: FakeShard, atMillis: number): void {
    shard.closed = { lastSequence: this.#nextSequence(), atMillis };
    this.changed.notify();
  }

  #nextSequence(): bigint {
    this.#lastSequence += BigInt(1 + randomInteger(this.#random, maxSequenceGap));
    return this.#lastSequence;
  }

  #expire(): void {
    const horizonMillis = this.#nowMillis() - this.retentionPeriodHours * 3_600_000;
    if (horizonMillis <= this.createdAtMillis) return;
    for (const shard of this.#shards) {
      const kept = shard.records.findIndex((record) => record.raw.arrivalTimeMillis >= horizonMillis);
      if (kept !== 0 && shard.records.length > 0) shard.records = kept < 0 ? [] : shard.records.slice(kept);
    }
    this.#shards = this.#shards.filter((shard) => shard.closed === undefined || shard.closed.atMillis >= horizonMillis);
  }
}

/** The shard as ListShards tells it. */
export function toShard(shard: FakeShard): Shard {
  return {
    shardId: shard.shardId,
    parentShardIds: shard.parentShardIds,
    startingHashKey: String(shard.start),
    endingHashKey: String(shard.end),
    startingSequenceNumber: String(shard.firstSequence),
    ...(shard.closed === undefined ? {} : { endingSequenceNumber: String(shard.closed.lastSequence) }),
  };
}

/** The index of the first record at or after a sequence number; the number of records when there is none. */
export function indexFrom(records: readonly FakeRecord[], sequence: bigint): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle] as FakeRecord).sequence < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
