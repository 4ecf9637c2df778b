import type { Block } from '../../block/block.ts';
import type { LedgerRecord, LedgerShard } from '../ledger.ts';
import type { CheckContext, CheckedWorker, Checker } from './checker.ts';

/**
 * Records of one key are handed out in the order in which they were put, repeats apart; a record of a child shard only after
 * every record of its parents is finished.
 */
export function orderKept(context: CheckContext): Checker {
  return new OrderKept(context);
}

class OrderKept implements Checker {
  readonly promise = 'parents come before children, and the records of a key in the order of their putting';
  readonly #context: CheckContext;
  /** Shards whose ancestors are known to be finished. */
  readonly #begun = new Set<string>();
  /** By key, the first number that was not handed out. */
  readonly #nextOfKey = new Map<string, number>();
  readonly #ofKey = new Map<string, { shard: LedgerShard; record: LedgerRecord }[]>();
  #indexed = new Map<string, number>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onBlock(worker: CheckedWorker, block: Block): void {
    const { ledger } = this.#context;
    if (!this.#begun.has(block.shardId)) {
      const open = this.#openAncestor(block.shardId);
      if (open !== undefined) {
        this.#context.fail(
          `${worker.id} was given ${block.id}, but record ${open.record.number} of its ancestor ${open.shard.shardId} is not finished`,
        );
        return;
      }
      this.#begun.add(block.shardId);
    }
    this.#index();
    const shard = ledger.shard(block.shardId);
    for (const { sequenceNumber } of block.records) {
      const index = shard.bySequence.get(sequenceNumber);
      const record = index === undefined ? undefined : shard.records[index];
      if (record !== undefined) this.#inOrder(block, record);
    }
  }

  #openAncestor(shardId: string): { shard: LedgerShard; record: LedgerRecord } | undefined {
    const { ledger } = this.#context;
    for (const parent of ledger.shard(shardId).parents) {
      const shard = ledger.shard(parent);
      const record = ledger.firstUnfinished(shard);
      if (record !== undefined) return { shard, record };
      const further = this.#openAncestor(parent);
      if (further !== undefined) return further;
    }
    return undefined;
  }

  #inOrder(block: Block, record: LedgerRecord): void {
    const { ledger, fail } = this.#context;
    const key = record.partitionKey;
    const expected = this.#nextOfKey.get(key) ?? 0;
    if (record.numberOfKey < expected) return;
    for (const { shard, record: earlier } of (this.#ofKey.get(key) ?? []).slice(expected, record.numberOfKey)) {
      if (ledger.isRequired(shard, earlier)) {
        return fail(
          `${block.id} holds record ${record.number}, but record ${earlier.number} of its key was not handed out`,
        );
      }
    }
    this.#nextOfKey.set(key, record.numberOfKey + 1);
  }

  /** Sorts the records that were put since the last look by their keys. */
  #index(): void {
    const fresh: { shard: LedgerShard; record: LedgerRecord }[] = [];
    for (const shard of this.#context.ledger.shards) {
      for (const record of shard.records.slice(this.#indexed.get(shard.shardId) ?? 0)) fresh.push({ shard, record });
      this.#indexed.set(shard.shardId, shard.records.length);
    }
    for (const one of fresh.sort((a, b) => a.record.number - b.record.number)) {
      const known = this.#ofKey.get(one.record.partitionKey);
      if (known === undefined) this.#ofKey.set(one.record.partitionKey, [one]);
      else known.push(one);
    }
  }
}
