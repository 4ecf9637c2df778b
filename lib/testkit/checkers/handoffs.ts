import { type Position, comparePositions, formatPosition } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import { gracefulLeaseHandoffTimeoutMillis } from '../../lease/ages.ts';
import type { MillraceEvent } from '../../event/event.ts';
import { type Lease, isEnded } from '../../lease/lease.ts';
import type { CheckContext, CheckedWorker, Checker, LeaseChange } from './checker.ts';

/** In a fleet that is quiet a handoff takes a heartbeat, a few round trips and this much. */
const quietHandoffMillis = 5_000;
/** How long it takes at most until a worker that gives everything up has told so, in F. */
const failoversToEnd = 4;

/** A handoff that has begun and not ended. */
interface Pending {
  readonly from: string;
  readonly to: string;
  readonly begunAtMillis: number;
  readonly begunInQuiet: boolean;
  /** The leader's F. */
  readonly failoverTimeMillis: number;
}

/** A handoff after which records come again; that of a worker which is about to end by a fault is none. */
interface Suspicion {
  readonly worker: CheckedWorker;
  readonly sentence: string;
  readonly dueMillis: number;
}

/**
 * A handoff between two live workers repeats nothing: what the old owner was given of the shard is in the checkpoint when the
 * new owner may read. And it ends: the old owner completes it itself, unless it is disturbed. A drain that says that it has
 * finished leaves nothing to be repeated either, and no handoff to the worker that is gone.
 */
export function handoffsRepeatNothing(context: CheckContext): Checker {
  return new HandoffsRepeatNothing(context);
}

class HandoffsRepeatNothing implements Checker {
  readonly promise = 'a lease moves between live workers by a handoff that ends, and no clean end repeats anything';
  readonly #context: CheckContext;
  /** By lease. */
  readonly #pending = new Map<string, Pending>();
  /** By tenure: up to where blocks were given to its holder. */
  readonly #given = new Map<string, Position>();
  /** By tenure: the process that began it. */
  readonly #holders = new Map<string, CheckedWorker>();
  /** The tenures that their holder has told to be lost: it was disturbed. */
  readonly #lost = new Set<string>();
  /** By worker that drains: what it has left to be repeated. */
  readonly #unfinished = new Map<string, string>();
  /** Workers from which a leader has taken a lease for their silence, with that leader; until they make a call again. */
  readonly #silent = new Map<string, CheckedWorker>();
  #suspicions: Suspicion[] = [];
  /** Since when a worker ends, by its id; absent again once it has met a fault. */
  readonly #endingSince = new Map<string, number>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onBlock(_worker: CheckedWorker, { shardId, tenure, range }: Block): void {
    this.#given.set(`${shardId}@${tenure}`, range.through);
  }

  onLease(change: LeaseChange): void {
    this.#look();
    const { before, after, writer } = change;
    const leaseKey = (after ?? before)?.leaseKey as string;
    if (writer !== undefined && after?.tenure !== undefined && after.tenure !== before?.tenure)
      this.#holders.set(`${leaseKey}@${after.tenure}`, writer);
    this.#followHandoff(leaseKey, change);
    if (before === undefined || after === undefined || writer === undefined) return;
    this.#gave(before, after, writer);
    if (writer.isEnding) this.#drained(before, after, writer);
  }

  #followHandoff(leaseKey: string, { before, after, writer }: LeaseChange): void {
    const pending = this.#pending.get(leaseKey);
    if (pending !== undefined && before !== undefined && after?.checkpointOwner !== pending.from) {
      this.#pending.delete(leaseKey);
      if (writer !== undefined) this.#ended(pending, before, writer);
    }
    if (after?.checkpointOwner === undefined || before?.checkpointOwner !== undefined) return;
    this.#pending.set(leaseKey, {
      from: after.checkpointOwner,
      to: after.leaseOwner ?? '',
      begunAtMillis: this.#context.nowMillis(),
      begunInQuiet: this.#context.isQuiet(),
      failoverTimeMillis: writer?.limits.failoverTimeMillis ?? 10_000,
    });
  }

  /** What a drain gives up must be finished, if the drain says so in the end. */
  #drained(before: Lease, after: Lease, worker: CheckedWorker): void {
    const key = `${before.leaseKey}@${before.tenure}`;
    const owns = (row: Lease) => (row.checkpointOwner ?? row.leaseOwner) === worker.name;
    if (worker.isDropping || !owns(before) || owns(after) || this.#holders.get(key) !== worker) return;
    const given = this.#given.get(key);
    if (given === undefined || this.#lost.has(key) || comparePositions(given, before.checkpoint) <= 0) return;
    this.#unfinished.set(
      worker.id,
      `${worker.id} drained without a fault and released ${before.leaseKey} at ${formatPosition(before.checkpoint)}, ` +
        `but was given it through ${formatPosition(given)}: the rest is repeated`,
    );
  }

  /** In a fleet that is quiet no leader gives a lease to a worker from which it has taken one for its silence. */
  #gave(before: Lease, after: Lease, writer: CheckedWorker): void {
    const { leaseKey, leaseOwner } = after;
    if (leaseOwner === undefined || leaseOwner === before.leaseOwner || leaseOwner === writer.name) return;
    if (this.#context.isQuiet() && this.#silent.get(leaseOwner) === writer)
      this.#context.fail(`${writer.id} gives ${leaseKey} to ${leaseOwner}, which it has found silent`);
    const from = before.checkpointOwner ?? before.leaseOwner;
    if (from !== undefined && from !== writer.name && after.checkpointOwner === undefined && !isEnded(before))
      this.#silent.set(from, writer);
  }

  #ended(pending: Pending, row: Lease, writer: CheckedWorker): void {
    const { fail, nowMillis, isQuiet } = this.#context;
    const tookMillis = nowMillis() - pending.begunAtMillis;
    if (writer.name === pending.from) this.#completed(pending, row, writer, tookMillis);
    // A new owner that stops takes it back.
    else if (writer.name === pending.to && writer.isEnding) return;
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
    this.#silent.delete(worker.name);
    if (worker.isEnding && !this.#endingSince.has(worker.id))
      this.#endingSince.set(worker.id, this.#context.nowMillis());
  }

  onEvent(worker: CheckedWorker, event: MillraceEvent): void {
    // What it could not write it could not give back.
    if (event.type === 'fault.seen' && worker.isEnding) this.#endingSince.set(worker.id, -Infinity);
    if (event.type === 'lease.lost') this.#lost.add(`${event.leaseKey}@${event.tenure}`);
    this.#look();
  }

  onEnded(worker: CheckedWorker, fault: unknown): void {
    const unfinished = this.#unfinished.get(worker.id);
    if (unfinished !== undefined && fault === undefined && !worker.isDropping) this.#context.fail(unfinished);
    if (fault === undefined && !worker.hasTwin) this.#leftNoHandoff(worker);
    this.#suspicions = this.#suspicions.filter((suspicion) => suspicion.worker !== worker);
  }

  #leftNoHandoff(worker: CheckedWorker): void {
    const since = this.#endingSince.get(worker.id) ?? -Infinity;
    for (const [leaseKey, { from, to, begunAtMillis }] of this.#pending) {
      if (to !== worker.name || from === worker.name || begunAtMillis >= since) continue;
      this.#context.fail(`${worker.id} has ended well and left the handoff of ${leaseKey} from ${from} to itself`);
    }
  }

  #look(): void {
    const { fail, nowMillis, isQuiet } = this.#context;
    const now = nowMillis();
    const due = this.#suspicions.filter(({ dueMillis }) => dueMillis <= now);
    if (due.length > 0) this.#suspicions = this.#suspicions.filter((suspicion) => !due.includes(suspicion));
    const proven = due.find(({ worker }) => worker.isAlive && !worker.isEnding);
    if (proven !== undefined) fail(proven.sentence);
    if (!isQuiet()) return;
    for (const [leaseKey, { from, begunAtMillis, begunInQuiet, failoverTimeMillis }] of this.#pending) {
      const boundMillis = quietHandoffMillis + failoverTimeMillis / 3;
      if (begunInQuiet && now - begunAtMillis > boundMillis && this.#isUndisturbed(from))
        fail(`${from} has not handed ${leaseKey} over ${Math.round(boundMillis)} ms after it was told to`);
    }
  }
}
