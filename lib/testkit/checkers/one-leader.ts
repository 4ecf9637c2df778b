import type { LeaseTableCall } from '../fake-lease-table.ts';
import type { CheckContext, CheckedWorker, Checker, LockChange } from './checker.ts';

/** What clocks of different rates may make of a duration. */
const tolerance = 0.999;

/** When a worker's right to lead ends: its own clock when it sent the request that wrote the lock, and the lock's duration. */
interface Right {
  readonly worker: CheckedWorker;
  readonly sentAtMillis: number;
  readonly durationMillis: number;
}

/**
 * At most one worker leads: nobody takes the lock while its holder, by its own clock, may still write; and nothing that only
 * the leader may write is sent once the lock is older than its duration, counted from before its last heartbeat was sent.
 */
export function oneLeader(context: CheckContext): Checker {
  return new OneLeader(context);
}

class OneLeader implements Checker {
  readonly promise = 'at most one worker leads, and none writes as the leader under a lock that is too old';
  readonly #context: CheckContext;
  /** By version of the lock, which no two requests share. */
  readonly #sent = new Map<string, Right>();
  /** By worker: the last version that it has written. */
  readonly #rights = new Map<string, Right>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onAsk(worker: CheckedWorker, call: LeaseTableCall): void {
    if (call.name === 'writeLock') {
      const { recordVersionNumber, leaseDurationMillis: durationMillis } = call.lock;
      this.#sent.set(recordVersionNumber, { worker, sentAtMillis: worker.process.monotonicMillis(), durationMillis });
      return;
    }
    if (!isLeaderWrite(worker, call)) return;
    const right = this.#rights.get(worker.id);
    if (right === undefined) this.#context.fail(`${worker.id} sent ${call.name} as the leader, but never had the lock`);
    else if (leftMillis(right) < 0) {
      this.#context.fail(
        `${worker.id} sent ${call.name} as the leader ${Math.round(-leftMillis(right))} ms after its lock had run out`,
      );
    }
  }

  onLock({ before, after, writer }: LockChange): void {
    if (writer === undefined) return;
    if (after === undefined) {
      this.#rights.delete(writer.id);
      return;
    }
    const right = this.#sent.get(after.recordVersionNumber);
    this.#sent.delete(after.recordVersionNumber);
    if (right === undefined) return;
    this.#rights.set(writer.id, right);
    if (before === undefined) return;
    for (const other of this.#rights.values()) {
      if (other.worker.id !== writer.id && this.#mayLead(other)) {
        const left = Math.round(leftMillis(other));
        this.#context.fail(`${writer.id} took the lock while ${other.worker.id} may lead for ${left} ms more`);
      }
    }
  }

  onEnded(worker: CheckedWorker): void {
    this.#rights.delete(worker.id);
  }

  /** A process whose clock has stood still cannot know better; what it writes is fenced row by row. */
  #mayLead({ worker, durationMillis, sentAtMillis }: Right): boolean {
    if (!worker.isAlive || worker.process.hasStoodStill) return false;
    return worker.process.monotonicMillis() - sentAtMillis < durationMillis * tolerance;
  }
}

function leftMillis({ worker, sentAtMillis, durationMillis }: Right): number {
  return sentAtMillis + durationMillis - worker.process.monotonicMillis();
}

/**
 * What only a leader sends: a lease of others is assigned, a handoff is begun, an ended lease or the row of another worker
 * is deleted. A worker that stops assigns its own leases, which is no leader's write.
 */
function isLeaderWrite(worker: CheckedWorker, call: LeaseTableCall): boolean {
  if (call.name === 'deleteEnded') return true;
  if (call.name === 'deleteWorker') return call.key !== worker.name;
  if (call.name !== 'write') return false;
  const { set, condition } = call.write;
  if (set.checkpointOwner !== undefined) return true;
  if (set.leaseOwner === undefined || condition.leaseOwner === undefined || condition.tenure !== undefined)
    return false;
  return condition.leaseOwner !== worker.name && condition.checkpointOwner !== worker.name;
}
