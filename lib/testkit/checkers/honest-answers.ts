import type { Block } from '../../block/block.ts';
import type { MillraceEvent } from '../../event/event.ts';
import type { CheckContext, CheckedWorker, Checker, LeaseChange } from './checker.ts';

/**
 * What a worker says about its writes is true, whatever became of their answers: a commit that is called committed was written,
 * and a lease that is called taken is not its own any more.
 */
export function honestAnswers(context: CheckContext): Checker {
  return new HonestAnswers(context);
}

class HonestAnswers implements Checker {
  readonly promise = 'an unknown outcome is neither taken for applied nor for refused';
  readonly #context: CheckContext;
  /** By lease, who has made the last change of its counter while owning it. */
  readonly #writers = new Map<string, string>();
  /** The texts that were ever written; each names its block. */
  readonly #texts = new Set<string>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onLease({ before, after, writer }: LeaseChange): void {
    if (after !== undefined && before?.leaseCounter !== after.leaseCounter) {
      const isOwn = writer !== undefined && (before?.checkpointOwner ?? before?.leaseOwner) === writer.name;
      this.#writers.set(after.leaseKey, isOwn ? writer.id : '');
    }
    if (after?.engineState !== undefined) this.#texts.add(after.engineState);
  }

  onCommitted(worker: CheckedWorker, block: Block, outcome: 'committed' | 'lost'): void {
    if (outcome === 'committed' && !this.#texts.has(block.id)) {
      this.#context.fail(`${worker.id} was told that ${block.id} is committed, but it was never written`);
    }
  }

  onEvent(worker: CheckedWorker, event: MillraceEvent): void {
    if (event.type !== 'lease.lost' || event.reason === 'expired') return;
    const row = this.#context.table.rows.find(({ leaseKey }) => leaseKey === event.leaseKey);
    const owner = row?.checkpointOwner ?? row?.leaseOwner;
    const isOwn =
      owner === worker.name && row?.tenure === event.tenure && this.#writers.get(event.leaseKey) === worker.id;
    // A refused permission ends the doubt about an earlier attempt; the lease then expires.
    if (!isOwn || worker.wasDenied) return;
    this.#context.fail(`${worker.id} gave up ${event.leaseKey} as ${event.reason}, but still owns it in its tenure`);
  }
}
