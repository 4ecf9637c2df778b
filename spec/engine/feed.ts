import { Channel } from '../../lib/base/channel.ts';
import { type Position, SHARD_END, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import type { BlockSource, CommitOutcome, DemandLimit } from '../../lib/block/block-source.ts';
import { type Range, formatRange } from '../../lib/block/range.ts';
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
    this.blocks.send(block);
    return block;
  }

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
