import type { MillraceEvent } from '../../event/event.ts';
import { forgetBeyond, pushBounded } from './bounded-map.ts';
import { type Seen, shardKey } from './origin.ts';
import type { LeaseMove, LeaseView } from './snapshot.ts';

/** How many leases are kept at most; those of this process are never forgotten. */
export const retainedLeases = 10_000;

/** How many moves are kept. */
export const retainedMoves = 200;

type Step = Pick<LeaseMove, 'kind'> & Partial<Pick<LeaseMove, 'from' | 'to' | 'reason'>>;

/** The leases as far as this process saw them, and their moves. */
export class LeaseList {
  readonly #leases = new Map<string, LeaseView>();
  readonly #moves: LeaseMove[] = [];
  /** What was shown last, while it still holds: whoever looks again compares objects, not texts. */
  #order: readonly string[] | undefined;
  #views: readonly LeaseView[] | undefined;
  #shownMoves: readonly LeaseMove[] | undefined;

  /** The leases in order of their keys. */
  get views(): readonly LeaseView[] {
    this.#order ??= orderOf(this.#leases);
    this.#views ??= this.#order.flatMap((key) => this.#leases.get(key) ?? []);
    return this.#views;
  }

  /** The last moves, newest first. */
  get moves(): readonly LeaseMove[] {
    this.#shownMoves ??= this.#moves.slice();
    return this.#shownMoves;
  }

  /** Takes one event into account. */
  add(event: MillraceEvent, seen: Seen): void {
    switch (event.type) {
      case 'lease.created':
        this.#set(event.leaseKey, seen, { checkpoint: event.checkpoint, owner: null, isMine: false });
        return this.#note(event.leaseKey, seen, { kind: 'created' });
      case 'lease.assigned':
        this.#note(event.leaseKey, seen, { kind: 'assigned', to: event.workerIdentifier, reason: event.reason });
        return this.#set(event.leaseKey, seen, { owner: event.workerIdentifier, movingTo: null });
      case 'lease.handoff':
        this.#note(event.leaseKey, seen, { kind: 'handoff', from: event.from, to: event.to });
        return this.#set(event.leaseKey, seen, { owner: event.from, movingTo: event.to });
      case 'lease.gained':
        this.#note(event.leaseKey, seen, { kind: 'gained', to: seen.origin.workerIdentifier });
        return this.#set(event.leaseKey, seen, {
          owner: seen.origin.workerIdentifier,
          isMine: true,
          tenure: event.tenure,
          checkpoint: event.checkpoint,
          movingTo: null,
        });
      case 'lease.checkpointed':
        return this.#checkpointed(event.leaseKey, event.checkpoint, seen);
      case 'lease.released':
        return this.#given(event.leaseKey, seen, { kind: 'released', to: event.to ?? null });
      case 'lease.lost':
        // A release tells both: that it was given, and that the tenure is over.
        if (event.reason === 'released') return this.#end(event.leaseKey, seen);
        return this.#given(event.leaseKey, seen, { kind: 'lost', reason: event.reason });
      case 'lease.deleted':
        this.#note(event.leaseKey, seen, { kind: 'deleted' });
        if (this.#leases.delete(shardKey(seen.origin, event.leaseKey))) this.#forgetOrder();
        return;
      default:
        return;
    }
  }

  #given(leaseKey: string, seen: Seen, step: Step): void {
    this.#note(leaseKey, seen, { ...step, from: seen.origin.workerIdentifier });
    this.#set(leaseKey, seen, { owner: step.to ?? null, isMine: false, movingTo: null });
  }

  #end(leaseKey: string, seen: Seen): void {
    const known = this.#leases.get(shardKey(seen.origin, leaseKey));
    if (known?.isMine === true) this.#set(leaseKey, seen, { owner: null, isMine: false, movingTo: null });
  }

  #checkpointed(leaseKey: string, checkpoint: string, { origin }: Seen): void {
    const key = shardKey(origin, leaseKey);
    const known = this.#leases.get(key);
    if (known === undefined) return;
    this.#leases.set(key, { ...known, checkpoint });
    this.#views = undefined;
  }

  #set(leaseKey: string, { atMillis, origin }: Seen, change: Partial<LeaseView>): void {
    const key = shardKey(origin, leaseKey);
    const { size } = this.#leases;
    const known = this.#leases.get(key);
    const before = known ?? newLease(leaseKey, origin.streamName);
    this.#leases.set(key, { ...before, ...change, sinceMillis: atMillis });
    this.#views = undefined;
    forgetBeyond(this.#leases, retainedLeases, ({ isMine }) => !isMine);
    if (known === undefined || this.#leases.size !== size) this.#forgetOrder();
  }

  #forgetOrder(): void {
    this.#order = undefined;
    this.#views = undefined;
  }

  #note(leaseKey: string, { atMillis, origin }: Seen, step: Step): void {
    const { kind, from = null, to = null, reason = null } = step;
    const { streamName } = origin;
    this.#shownMoves = undefined;
    pushBounded(this.#moves, { atMillis, leaseKey, streamName, kind, from, to, reason }, retainedMoves);
  }
}

function orderOf(leases: ReadonlyMap<string, LeaseView>): readonly string[] {
  const entries = Array.from(leases, ([key, { leaseKey }]) => ({ key, leaseKey }));
  return entries.toSorted((a, b) => (a.leaseKey < b.leaseKey ? -1 : 1)).map(({ key }) => key);
}

function newLease(leaseKey: string, streamName: string): LeaseView {
  const nothing = { owner: null, tenure: null, checkpoint: null, movingTo: null };
  return { leaseKey, streamName, ...nothing, isMine: false, sinceMillis: 0 };
}
