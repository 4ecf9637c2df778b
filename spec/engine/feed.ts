import { Channel } from '../../lib/base/channel.ts';
import { type Position, SHARD_END, TRIM_HORIZON, comparePositions, positionOf } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import type { BlockLineage, BlockSource, CommitOutcome, DemandLimit } from '../../lib/block/block-source.ts';
import { type Range, formatRange, sameRange } from '../../lib/block/range.ts';
import { KinesisRecord } from '../../lib/block/record.ts';

/** What {@link BlockFeed.push} may be told beside the texts. */
export interface PushOptions {
  readonly tenure?: number;
  readonly streamName?: string;
  /** Whether the block ends its shard. */
  readonly last?: boolean;
}

/** A source of blocks that a test fills by hand; it notes what is acknowledged. */
export class BlockFeed implements BlockSource {
  readonly blocks = new Channel<Block>();
  readonly acked: Range[] = [];
  /** Whether some other shard waits for memory. */
  isShort = false;
  /** The ranges whose records were let go, and those that were asked for again; as text. */
  readonly droppedTexts: string[] = [];
  readonly rereadTexts: string[] = [];
  /** What reading again meets before it works: each once. */
  readonly rereadFaults: unknown[] = [];
  /** What the stream still has of each range, as in Kinesis. */
  readonly #stored: Pick<Block, 'range' | 'records'>[] = [];
  readonly #positions = new Map<string, { after: Position; next: number }>();
  readonly #tenures = new Map<string, AbortController>();
  #number = 0;

  /** Hands out a block with one record for each text. */
  push(shardId: string, texts: readonly string[], options: PushOptions = {}): Block {
    const { tenure = 1, streamName = 'lines', last = false } = options;
    const place = this.#positions.get(shardId) ?? { after: TRIM_HORIZON, next: 100 };
    const first = place.next;
    const records = texts.map(
      (text, index) =>
        new KinesisRecord({
          data: new TextEncoder().encode(text),
          partitionKey: text,
          sequenceNumber: String(first + index),
          subSequenceNumber: 0,
          shardId,
          streamName,
          arrivalTimeMillis: 0,
        }),
    );
    const through = last ? SHARD_END : positionOf(BigInt(first + Math.max(0, texts.length - 1)));
    this.#positions.set(shardId, { after: through, next: first + Math.max(1, texts.length) });
    this.#number += 1;
    const block: Block = {
      id: `${shardId}@${tenure}/${this.#number}`,
      streamName,
      shardId,
      tenure,
      range: { shardId, tenure, after: place.after, through },
      records,
      bytes: records.reduce((sum, record) => sum + record.data.length, 0),
      sealedAtMillis: 0,
      millisBehindLatest: 0,
      signal: this.#tenure(shardId, tenure).signal,
    };
    this.#stored.push({ range: block.range, records: block.records });
    this.blocks.send(block);
    return block;
  }

  readonly lineage: BlockLineage = {
    isWanted: () => this.isShort,
    drop: (ranges) => {
      this.droppedTexts.push(...ranges.map(formatRange));
      return true;
    },
    read: async (dropped, signal) => {
      await Promise.resolve();
      if (this.rereadFaults.length > 0) throw this.rereadFaults.shift();
      signal.throwIfAborted();
      return dropped.map(({ source, range }) => {
        this.rereadTexts.push(formatRange(range));
        const found = this.#stored.find(({ range: stored }) => sameRange(stored, source));
        return (found?.records ?? []).filter(
          ({ position }) =>
            comparePositions(position, range.after) > 0 && comparePositions(position, range.through) <= 0,
        );
      });
    },
  };

  /** Takes the lease away. */
  lose(shardId: string, tenure = 1): void {
    this.#tenure(shardId, tenure).abort(new Error('the lease is lost'));
  }

  /** Ends the blocks, as a drained receiver does. */
  end(): void {
    this.blocks.close();
  }

  ack(range: Range): void {
    this.acked.push(range);
  }

  commit(): Promise<CommitOutcome> {
    return Promise.reject(new Error('the engine acknowledges and leaves commits to a later design'));
  }

  demand(_limit: DemandLimit): void {}

  /** The acknowledged ranges as text. */
  get ackedTexts(): string[] {
    return this.acked.map((range) => formatRange(range));
  }

  #tenure(shardId: string, tenure: number): AbortController {
    const name = `${shardId}@${tenure}`;
    const known = this.#tenures.get(name) ?? new AbortController();
    this.#tenures.set(name, known);
    return known;
  }
}
