import type { EventOf, MillraceEvent } from '../../event/event.ts';
import { forgetBeyond } from './bounded-map.ts';
import { type Seen, shardKey } from './origin.ts';
import { Slots } from './slots.ts';
import type { ErrorView, ShardView, StuckView } from './snapshot.ts';

/** How many shards that are no longer held are remembered. */
export const retainedShards = 1_000;

const slotMillis = 5_000;
const slots = 12;

interface ShardRow {
  readonly view: Omit<Mutable<ShardView>, 'children' | keyof Rates>;
  readonly recordSlots: Slots;
  readonly byteSlots: Slots;
  readonly readSlots: Slots;
  children: readonly string[];
  /** What was shown last, while it still holds; rates hold for the slot that they were taken in. */
  shown: ShardView | undefined;
  shownSlot: number;
}

type Rates = Pick<ShardView, 'recordsPerSecond' | 'bytesPerSecond' | 'readsPerSecond'>;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const noChildren: readonly string[] = [];

/**
 * The shards that this process reads or has read. A view that is made stays the same object until its shard changes, and so
 * does the list of them: of a thousand shards, a look costs only those that something happened to.
 */
export class ShardTable {
  readonly #rows = new Map<string, ShardRow>();
  /** The rows in order of their ids, with their children; made anew when a row comes, goes or gets other parents. */
  #ordered: readonly ShardRow[] | undefined;
  #views: readonly ShardView[] = [];

  /** How many of a receiver's shards are held now. */
  heldBy(receiverId: number): number {
    let held = 0;
    for (const { view } of this.#rows.values()) if (view.receiverId === receiverId && view.owner !== null) held += 1;
    return held;
  }

  /** Takes one event into account. */
  add(event: MillraceEvent, seen: Seen): void {
    switch (event.type) {
      case 'lease.gained':
        return this.#gained(event, seen);
      case 'lease.lost':
      case 'lease.released':
        return this.#given(event, seen);
      case 'lease.checkpointed':
        return this.#with(event.leaseKey, seen, ({ view }) => {
          if (view.tenure !== event.tenure) return;
          view.position = event.checkpoint;
          view.positionAtMillis = seen.atMillis;
          view.stuck = null;
        });
      case 'shard.read':
        return this.#read(event, seen);
      case 'shard.changed':
        return this.#with(event.shardId, seen, ({ view }) => {
          // Its reader is told after its lease was given up, and calls every end of its work a loss.
          view.state = event.to === 'lost' && view.owner === null ? 'gone' : event.to;
        });
      case 'block.sealed':
        return this.#with(event.shardId, seen, ({ view }) => {
          view.readThrough = event.through;
        });
      case 'shard.throttled':
        return this.#with(event.shardId, seen, ({ view }) => {
          view.throttles += 1;
          view.lastThrottledAtMillis = seen.atMillis;
        });
      case 'batch.stuck':
        return this.#with(event.shardId, seen, ({ view }) => {
          view.stuck = stuckOf(event, view.stuck, seen);
        });
      default:
        return this.#addFault(event, seen);
    }
  }

  /** The rows at a time, in order of their ids. */
  views(nowMillis: number): readonly ShardView[] {
    this.#ordered ??= this.#inOrder();
    const before = this.#views;
    const views = this.#ordered.map((row) => shownOf(row, nowMillis));
    const isSame = views.length === before.length && views.every((view, index) => view === before[index]);
    if (!isSame) this.#views = views;
    return this.#views;
  }

  #inOrder(): readonly ShardRow[] {
    const ordered = Array.from(this.#rows.values()).toSorted(
      ({ view: a }, { view: b }) => compare(a.shardId, b.shardId) || compare(a.streamName, b.streamName),
    );
    const children = new Map<string, string[]>();
    for (const { view } of ordered) {
      for (const parent of view.parents) {
        const key = shardKey(view, parent);
        const known = children.get(key);
        if (known === undefined) children.set(key, [view.shardId]);
        else known.push(view.shardId);
      }
    }
    for (const [key, row] of this.#rows) {
      const now = children.get(key) ?? noChildren;
      if (now.length === row.children.length && now.every((child, index) => child === row.children[index])) continue;
      row.children = now;
      row.shown = undefined;
    }
    return ordered;
  }

  #gained({ leaseKey, tenure, checkpoint, parents }: EventOf<'lease.gained'>, { atMillis, origin }: Seen): void {
    const key = shardKey(origin, leaseKey);
    const row = this.#rows.get(key) ?? newRow(leaseKey, origin.streamName);
    // Put last: what was held longest ago is forgotten first.
    if (!this.#rows.delete(key) || parents !== undefined) this.#ordered = undefined;
    this.#rows.set(key, row);
    row.shown = undefined;
    Object.assign(row.view, {
      receiverId: origin.receiverId,
      parents: parents ?? row.view.parents,
      owner: origin.workerIdentifier,
      tenure,
      state: 'held',
      position: checkpoint,
      positionAtMillis: atMillis,
      readThrough: null,
      stuck: null,
    });
    this.#forget();
  }

  #given({ leaseKey, tenure }: EventOf<'lease.lost' | 'lease.released'>, seen: Seen): void {
    this.#with(leaseKey, seen, ({ view }) => {
      if (view.tenure !== tenure) return;
      view.owner = null;
      view.stuck = null;
      if (view.state !== 'ended' && view.state !== 'failed') view.state = 'gone';
      // How far behind it was says nothing once somebody else reads it.
      view.millisBehindLatest = null;
    });
    this.#forget();
  }

  #forget(): void {
    const { size } = this.#rows;
    forgetBeyond(this.#rows, retainedShards, ({ view }) => view.owner === null);
    if (this.#rows.size !== size) this.#ordered = undefined;
  }

  #read({ shardId, records, bytes, millisBehindLatest }: EventOf<'shard.read'>, seen: Seen): void {
    this.#with(shardId, seen, ({ view, recordSlots, byteSlots, readSlots }) => {
      view.records += records;
      view.bytes += bytes;
      view.reads += 1;
      view.lastReadAtMillis = seen.atMillis;
      // A read may still be on its way when its lease is given up; it does not bring the shard back.
      if (view.owner !== null) view.millisBehindLatest = millisBehindLatest;
      recordSlots.add(records, seen.atMillis);
      byteSlots.add(bytes, seen.atMillis);
      readSlots.add(1, seen.atMillis);
    });
  }

  #addFault(event: MillraceEvent, seen: Seen): void {
    const fault = shardFaultOf(event, seen.atMillis);
    if (fault === undefined) return;
    this.#with(fault.shardId, seen, ({ view }) => {
      view.lastError = fault.error;
    });
  }

  #with(shardId: string, { origin }: Seen, change: (row: ShardRow) => void): void {
    const row = this.#rows.get(shardKey(origin, shardId));
    if (row === undefined) return;
    row.shown = undefined;
    change(row);
  }
}

function shownOf(row: ShardRow, nowMillis: number): ShardView {
  const { view, children, shown } = row;
  const slot = Math.floor(nowMillis / slotMillis);
  if (shown !== undefined && slot === row.shownSlot) return shown;
  row.shownSlot = slot;
  const recordsPerSecond = row.recordSlots.perSecond(nowMillis);
  const bytesPerSecond = row.byteSlots.perSecond(nowMillis);
  const readsPerSecond = row.readSlots.perSecond(nowMillis);
  const hasSameRates =
    shown?.recordsPerSecond === recordsPerSecond &&
    shown.bytesPerSecond === bytesPerSecond &&
    shown.readsPerSecond === readsPerSecond;
  if (shown !== undefined && hasSameRates) return shown;
  row.shown = viewOf(view, { children, recordsPerSecond, bytesPerSecond, readsPerSecond });
  return row.shown;
}

/** Field by field: to spread an object of so many takes forty times as long. */
function viewOf(
  view: ShardRow['view'],
  { children, recordsPerSecond, bytesPerSecond, readsPerSecond }: Rates & Pick<ShardView, 'children'>,
): ShardView {
  return {
    shardId: view.shardId,
    streamName: view.streamName,
    receiverId: view.receiverId,
    parents: view.parents,
    children,
    owner: view.owner,
    tenure: view.tenure,
    state: view.state,
    position: view.position,
    positionAtMillis: view.positionAtMillis,
    readThrough: view.readThrough,
    millisBehindLatest: view.millisBehindLatest,
    lastReadAtMillis: view.lastReadAtMillis,
    recordsPerSecond,
    bytesPerSecond,
    readsPerSecond,
    records: view.records,
    bytes: view.bytes,
    reads: view.reads,
    throttles: view.throttles,
    lastThrottledAtMillis: view.lastThrottledAtMillis,
    stuck: view.stuck,
    lastError: view.lastError,
  };
}

function stuckOf(event: EventOf<'batch.stuck'>, before: StuckView | null, { atMillis }: Seen): StuckView {
  const { attempts, ageMillis, message } = event;
  return { sinceMillis: before?.sinceMillis ?? atMillis, attempts, ageMillis, message };
}

function shardFaultOf(
  event: MillraceEvent,
  atMillis: number,
): { readonly shardId: string; readonly error: ErrorView } | undefined {
  if (event.type === 'shard.failed') {
    return { shardId: event.shardId, error: { atMillis, code: event.code, message: event.message } };
  }
  if (event.type !== 'fault.seen') return undefined;
  const shardId = event.subject.shard ?? event.subject.lease;
  if (shardId === undefined) return undefined;
  return { shardId, error: { atMillis, code: event.code, message: event.message } };
}

function newRow(shardId: string, streamName: string): ShardRow {
  return {
    view: {
      shardId,
      streamName,
      receiverId: 0,
      parents: [],
      owner: null,
      tenure: null,
      state: 'held',
      position: null,
      positionAtMillis: null,
      readThrough: null,
      millisBehindLatest: null,
      lastReadAtMillis: null,
      records: 0,
      bytes: 0,
      reads: 0,
      throttles: 0,
      lastThrottledAtMillis: null,
      stuck: null,
      lastError: null,
    },
    recordSlots: new Slots(slotMillis, slots),
    byteSlots: new Slots(slotMillis, slots),
    readSlots: new Slots(slotMillis, slots),
    children: noChildren,
    shown: undefined,
    shownSlot: 0,
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
