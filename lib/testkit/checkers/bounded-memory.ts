import type { Block } from '../../block/block.ts';
import type { EventOf, MillraceEvent } from '../../event/event.ts';
import type { CheckContext, CheckedWorker, Checker } from './checker.ts';

/**
 * How many pages may be larger than was reserved for them: no request is for more than a quarter of the limit, so with a limit
 * below the size of a page four of them may be under way.
 */
const pagesInFlight = 4;

interface Held {
  readonly tenure: number;
  blocks: number;
  bytes: number;
  /** The blocks that the last page may have been cut into. */
  ofPage: number;
}

/**
 * A worker holds no more than `maxBufferedBytes` of records and the pages under way, and no more than `maxUnackedBlocks` blocks of a shard
 * and those of one page.
 */
export function boundedMemory(context: CheckContext): Checker {
  return new BoundedMemory(context);
}

class BoundedMemory implements Checker {
  readonly promise = 'the blocks and bytes in memory stay within their limits';
  readonly #context: CheckContext;
  /** By worker and shard: what was sealed in the current tenure and is not acked. */
  readonly #held = new Map<string, Map<string, Held>>();

  /** By worker: the bytes of its largest page. */
  readonly #largestPage = new Map<string, number>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onEvent(worker: CheckedWorker, event: MillraceEvent): void {
    const shards = this.#shardsOf(worker);
    if (event.type === 'lease.gained')
      shards.set(event.leaseKey, { tenure: event.tenure, blocks: 0, bytes: 0, ofPage: 0 });
    if (event.type === 'lease.lost' || event.type === 'lease.released') shards.delete(event.leaseKey);
    if (event.type === 'shard.read') this.#read(worker, event);
    if (event.type !== 'block.sealed') return;
    const held = shards.get(event.shardId);
    if (held === undefined) {
      this.#context.fail(`${worker.id} sealed a block of ${event.shardId}, which it does not hold`);
      return;
    }
    held.blocks += 1;
    held.bytes += event.bytes;
    this.#check(worker, event.shardId, held);
  }

  #read(worker: CheckedWorker, page: EventOf<'shard.read'>): void {
    const { blockMaxBytes, blockMaxRecords } = worker.limits;
    this.#largestPage.set(worker.id, Math.max(page.bytes, this.#largestPage.get(worker.id) ?? 0));
    const held = this.#shardsOf(worker).get(page.shardId);
    if (held === undefined) return;
    // A block is cut by bytes at half of its limit at the worst; and one may be there from before.
    const cuts = Math.ceil(page.records / blockMaxRecords) + Math.ceil((2 * page.bytes) / blockMaxBytes);
    held.ofPage = Math.min(page.records, cuts) + 1;
  }

  #check(worker: CheckedWorker, shardId: string, held: Held): void {
    const { maxUnackedBlocks, maxBufferedBytes } = worker.limits;
    const { fail } = this.#context;
    if (held.blocks > maxUnackedBlocks + held.ofPage) {
      return fail(
        `${worker.id} holds ${held.blocks} blocks of ${shardId}, over ${maxUnackedBlocks} and those of a page`,
      );
    }
    let bytes = 0;
    for (const one of this.#shardsOf(worker).values()) bytes += one.bytes;
    if (bytes > maxBufferedBytes + pagesInFlight * (this.#largestPage.get(worker.id) ?? 0)) {
      fail(`${worker.id} holds ${bytes} bytes of records, over ${maxBufferedBytes} and ${pagesInFlight} pages`);
    }
  }

  onAck(worker: CheckedWorker, block: Block): void {
    const held = this.#shardsOf(worker).get(block.shardId);
    if (held?.tenure !== block.tenure) return;
    held.blocks -= 1;
    held.bytes -= block.bytes;
  }

  #shardsOf(worker: CheckedWorker): Map<string, Held> {
    const known = this.#held.get(worker.id);
    if (known !== undefined) return known;
    const made = new Map<string, Held>();
    this.#held.set(worker.id, made);
    return made;
  }
}
