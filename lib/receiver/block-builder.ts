import { type Position, SHARD_END } from '../base/position.ts';
import type { Range } from '../block/range.ts';
import type { KinesisRecord } from '../block/record.ts';
import { recordOverheadBytes } from './held-bytes.ts';

/** When a block is full. */
export interface BlockLimits {
  readonly blockMaxBytes: number;
  readonly blockMaxRecords: number;
}

/** A sealed slice of one shard, before it becomes a block. */
export interface Slice {
  readonly range: Range;
  readonly records: readonly KinesisRecord[];
  readonly bytes: number;
  /** What the records keep in memory. */
  readonly heldBytes: number;
  readonly millisBehindLatest: number;
}

/**
 * Cuts the records of one shard and tenure into slices: by bytes, by number, and whenever it is told to seal (the block
 * interval, a drain). Each slice's range begins where the one before ended, so the slices of a tenure cover its records
 * without a gap. Without records there is no slice, except the last one of a shard, which ends in SHARD_END.
 */
export class BlockBuilder {
  readonly #shardId: string;
  readonly #tenure: number;
  readonly #limits: BlockLimits;
  #after: Position;
  #records: KinesisRecord[] = [];
  #bytes = 0;
  /** What a whole number of records keeps need not be whole: an answer is shared out by the bytes of their data. */
  #heldBytes = 0;
  #millisBehindLatest = 0;

  constructor(shardId: string, tenure: number, start: Position, limits: BlockLimits) {
    this.#shardId = shardId;
    this.#tenure = tenure;
    this.#after = start;
    this.#limits = limits;
  }

  /** Whether there are records that no slice holds yet. */
  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  /** What the records that no slice holds yet keep in memory. */
  get heldBytes(): number {
    return Math.round(this.#heldBytes);
  }

  /**
   * Adds the records of a page, each of which keeps `heldPerByte` bytes in memory for one of its data; answers with the slices
   * that became full.
   */
  add(records: readonly KinesisRecord[], millisBehindLatest: number, heldPerByte = 1): readonly Slice[] {
    const full: Slice[] = [];
    this.#millisBehindLatest = millisBehindLatest;
    // The empty list of the last cut may have waited for half a second, and lie in the old generation of V8's heap by now.
    // Young objects that such a list refers to outlive every collection of young ones, even when nobody has it any more.
    if (this.isEmpty) this.#records = [];
    for (const record of records) {
      // A record that would pass the byte limit begins the next slice; one that is larger than the limit gets its own.
      const { byteLength } = record;
      if (this.#bytes > 0 && this.#bytes + byteLength > this.#limits.blockMaxBytes) full.push(this.#cut());
      this.#records.push(record);
      this.#bytes += byteLength;
      this.#heldBytes += byteLength * heldPerByte + recordOverheadBytes;
      if (this.#records.length >= this.#limits.blockMaxRecords) full.push(this.#cut());
    }
    return full;
  }

  /** Seals what is there; `undefined` when there is nothing. */
  seal(): Slice | undefined {
    return this.isEmpty ? undefined : this.#cut();
  }

  /** Seals the last slice of the shard: what is there, through SHARD_END. */
  sealEnd(): Slice {
    return this.#cut(SHARD_END);
  }

  #cut(through: Position = (this.#records.at(-1) as KinesisRecord).position): Slice {
    const slice = {
      range: { shardId: this.#shardId, tenure: this.#tenure, after: this.#after, through },
      records: this.#records,
      bytes: this.#bytes,
      heldBytes: this.heldBytes,
      millisBehindLatest: this.#millisBehindLatest,
    };
    this.#after = through;
    this.#records = [];
    this.#bytes = 0;
    this.#heldBytes = 0;
    return slice;
  }
}
