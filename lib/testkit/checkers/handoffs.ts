import { type Position, comparePositions, formatPosition } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import { gracefulLeaseHandoffTimeoutMillis } from '../../lease/ages.ts';
import type { MillraceEvent } from '../../event/event.ts';
import type { Lease } from '../../lease/lease.ts';
import type { CheckContext, CheckedWorker, Checker, LeaseChange } from './checker.ts';

/** In a fleet that is quiet a handoff takes a heartbeat and a few round trips. */
const quietHandoffMillis = 15_000;
/** A leader looks every second or so; when a worker has been silent for F and this much longer, it knows. */
const knownSlackMillis = 2_000;
/** How long it takes at most until a worker that gives everything up has told so, in F. */
const failoversToEnd = 4;

/** A handoff that has begun and not ended. */
interface Pending {
  readonly from: string;
  readonly to: string;
  readonly begunAtMillis: number;
  readonly begunInQuiet: boolean;
}

/** A handoff after which records come again; that of a worker which is about to end is none. */
interface Suspicion {
  readonly worker: CheckedWorker;
  readonly sentence: string;
  readonly dueMillis: number;
}

/**
 * A handoff between two live workers repeats nothing: what the old owner was given of the shard is in the checkpoint when the
 * new owner may read. And it ends: the old owner completes it itself, unless it is disturbed.
 */
export function handoffsRepeatNothing(context: CheckContext): Checker {
  return new HandoffsRepeatNothing(context);
}

class HandoffsRepeatNothing implements Checker {
  readonly promise = 'a lease moves between live workers by a handoff that ends and repeats nothing';
  readonly #context: CheckContext;
  /** By lease. */
  readonly #pending = new Map<string, Pending>();
  /** By tenure: up to where blocks were given to its holder. */
  readonly #given = new Map<string, Position>();
  /** By tenure: the process that began it. */
  readonly #holders = new Map<string, CheckedWorker>();
  /** The tenures that their holder has told to be lost: it was disturbed. */
  readonly #lost = new Set<string>();
  /** By worker, when it was last heard. */
  readonly #aliveAtMillis = new Map<string, number>();
  #suspicions: Suspicion[] = [];

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onBlock(_worker: CheckedWorker, { shardId, tenure, range }: Block): void {
    this.#given.set(`${shardId}@${tenure}`, range.through);
  }

  onLease({ before, after, writer }: LeaseChange): void {
    this.#look();
    const leaseKey = (after ?? before)?.leaseKey as string;
    if (writer !== undefined && after?.tenure !== undefined && after.tenure !== before?.tenure)
      this.#holders.set(`${leaseKey}@${after.tenure}`, writer);
    const pending = this.#pending.get(leaseKey);
    if (pending !== undefined && before !== undefined && after?.checkpointOwner !== pending.from) {
      this.#pending.delete(leaseKey);
      if (writer !== undefined) this.#ended(pending, before, writer);
    }
    if (after?.checkpointOwner === undefined || before?.checkpointOwner !== undefined) return;
    if (writer !== undefined && after.leaseOwner !== undefined) this.#begun(after.leaseOwner, after, writer);
    this.#pending.set(leaseKey, {
      from: after.checkpointOwner,
      to: after.leaseOwner ?? '',
      begunAtMillis: this.#context.nowMillis(),
      begunInQuiet: this.#context.isQuiet(),
    });
  }

  /** In a fleet that is quiet no leader lets a lease go to a worker of which it can know that it is dead. */
  #begun(to: string, { leaseKey }: Lease, writer: CheckedWorker): void {
    const { fail, nowMillis, isQuiet, workers } = this.#context;
    if (!isQuiet()) return;
    const named = workers().filter((worker) => worker.name === to);
    if (named.some((worker) => worker.isAlive)) return;
    const aliveAtMillis = Math.max(...named.map((worker) => this.#aliveAtMillis.get(worker.id) ?? 0));
    const deadMillis = nowMillis() - aliveAtMillis;
    if (deadMillis > writer.limits.failoverTimeMillis + knownSlackMillis)
      fail(`${writer.id} begins to hand ${leaseKey} over to ${to}, which died ${Math.round(deadMillis)} ms before`);
  }

  #ended(pending: Pending, row: Lease, writer: CheckedWorker): void {
    const { fail, nowMillis, isQuiet } = this.#context;
    const tookMillis = nowMillis() - pending.begunAtMillis;
    if (writer.name === pending.from) this.#completed(pending, row, writer, tookMillis);
    else if (pending.begunInQuiet && isQuiet() && this.#isUndisturbed(pending.from))
      fail(`${writer.id} ended the handoff of ${row.leaseKey} from ${pending.from}, which was not disturbed`);
  }

  #completed(pending: Pending, row: Lease, worker: CheckedWorker, tookMillis: number): void {
    const { fail, nowMillis } = this.#context;
    const key = `${row.leaseKey}@${row.tenure}`;
    const given = this.#given.get(key);
    // One that lost it and leads assigns it as any leader does, and so does one that came after it under its name.
    if (this.#lost.has(key) || this.#holders.get(key) !== worker) return;
    // The old owner has so long to finish; then what is left is repeated.
    if (given === undefined || tookMillis >= gracefulLeaseHandoffTimeoutMillis) return;
    if (worker.isEnding || worker.hasTwin || comparePositions(given, row.checkpoint) <= 0) return;
    const sentence =
      `${worker.id} handed ${row.leaseKey} over to ${pending.to} at ${formatPosition(row.checkpoint)}, ` +
      `but was given it through ${formatPosition(given)}: the rest is repeated`;
    if (pending.begunInQuiet) return fail(sentence);
    const dueMillis = nowMillis() + failoversToEnd * worker.limits.failoverTimeMillis;
    this.#suspicions.push({ worker, sentence, dueMillis });
  }

  #isUndisturbed(name: string): boolean {
    return this.#context.workers().some((worker) => worker.name === name && worker.isAlive && !worker.isEnding);
  }

  onCall(worker: CheckedWorker): void {
    this.#aliveAtMillis.set(worker.id, this.#context.nowMillis());
  }

  onEvent(_worker: CheckedWorker, event: MillraceEvent): void {
    if (event.type === 'lease.lost') this.#lost.add(`${event.leaseKey}@${event.tenure}`);
    this.#look();
  }

  onEnded(worker: CheckedWorker): void {
    this.#suspicions = this.#suspicions.filter((suspicion) => suspicion.worker !== worker);
  }

  #look(): void {
    const { fail, nowMillis, isQuiet } = this.#context;
    const now = nowMillis();
    const due = this.#suspicions.filter(({ dueMillis }) => dueMillis <= now);
    if (due.length > 0) this.#suspicions = this.#suspicions.filter((suspicion) => !due.includes(suspicion));
    const proven = due.find(({ worker }) => worker.isAlive && !worker.isEnding);
    if (proven !== undefined) fail(proven.sentence);
    if (!isQuiet()) return;
    for (const [leaseKey, { from, begunAtMillis, begunInQuiet }] of this.#pending) {
      if (begunInQuiet && now - begunAtMillis > quietHandoffMillis && this.#isUndisturbed(from))
        fail(`${from} has not handed ${leaseKey} over ${quietHandoffMillis} ms after it was told to`);
    }
  }
}
