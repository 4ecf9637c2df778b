import type { Block } from '../../block/block.ts';
import type { LeaseTableCall } from '../fake-lease-table.ts';
import type { CheckContext, CheckedWorker, Checker, LeaseChange } from './checker.ts';

/**
 * A worker is given nothing of a shard once F has passed by its own clock since it sent the last write of the lease that was
 * applied: from then on others may take the lease, whatever the worker believes.
 */
export function confirmedLeases(context: CheckContext): Checker {
  return new ConfirmedLeases(context);
}

class ConfirmedLeases implements Checker {
  readonly promise = 'nothing is handed out under a lease that was not confirmed within F';
  readonly #context: CheckContext;
  /** By worker and lease: its clock when it sent the last write. */
  readonly #asked = new Map<string, number>();
  /** By worker and lease: its clock when it sent the last write that was applied. */
  readonly #confirmed = new Map<string, number>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onAsk(worker: CheckedWorker, call: LeaseTableCall): void {
    if (call.name === 'write') this.#asked.set(keyOf(worker, call.write.leaseKey), worker.process.monotonicMillis());
  }

  onLease({ before, after, writer }: LeaseChange): void {
    if (after === undefined || writer === undefined || before?.leaseCounter === after.leaseCounter) return;
    const key = keyOf(writer, after.leaseKey);
    const askedAtMillis = this.#asked.get(key);
    if (askedAtMillis !== undefined) this.#confirmed.set(key, askedAtMillis);
  }

  onBlock(worker: CheckedWorker, block: Block): void {
    const confirmedAtMillis = this.#confirmed.get(keyOf(worker, block.shardId)) ?? -Infinity;
    const ageMillis = worker.process.monotonicMillis() - confirmedAtMillis;
    if (ageMillis > worker.limits.failoverTimeMillis) {
      this.#context.fail(
        `${worker.id} was given ${block.id} ${Math.round(ageMillis)} ms after it had confirmed the lease`,
      );
    }
  }
}

function keyOf(worker: CheckedWorker, leaseKey: string): string {
  return `${worker.id} ${leaseKey}`;
}
