import type { Block } from '../../block/block.ts';
import type { KinesisRecord } from '../../block/record.ts';
import type { RecordFilter } from './record-filter.ts';

interface Ticket {
  readonly block: Block;
  unfinished: number;
}

/** Remembers of which block each record is, and acks a block when the last of its records is finished. */
export class BlockTickets {
  readonly #ack: (block: Block) => void;
  readonly #tickets = new Map<KinesisRecord, Ticket>();
  #blocks = 0;
  #bytes = 0;

  constructor(ack: (block: Block) => void) {
    this.#ack = ack;
  }

  /** Blocks that are not acked. */
  get blocks(): number {
    return this.#blocks;
  }

  /** The bytes that they keep in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a block; answers with its records that pass the filter. The others are finished. */
  take(block: Block, filter: RecordFilter | undefined): readonly KinesisRecord[] {
    const records = filter === undefined ? block.records : block.records.filter((record) => filter(record));
    const ticket = { block, unfinished: records.length };
    for (const record of records) this.#tickets.set(record, ticket);
    this.#blocks += 1;
    this.#bytes += heldBytesOf(block);
    if (records.length === 0) this.#done(ticket);
    return records;
  }

  /** These records are finished. */
  finish(records: readonly KinesisRecord[]): void {
    for (const record of records) {
      const ticket = this.#tickets.get(record);
      if (ticket === undefined) continue;
      this.#tickets.delete(record);
      ticket.unfinished -= 1;
      if (ticket.unfinished === 0) this.#done(ticket);
    }
  }

  #done({ block }: Ticket): void {
    this.#blocks -= 1;
    this.#bytes -= heldBytesOf(block);
    this.#ack(block);
  }
}

function heldBytesOf({ bytes, heldBytes = bytes }: Block): number {
  return heldBytes;
}
