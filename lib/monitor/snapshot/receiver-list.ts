import type { MillraceEvent } from '../../event/event.ts';
import { rateSummaryOf } from './distribution.ts';
import type { Origin, Seen } from './origin.ts';
import { Slots } from './slots.ts';
import type { ErrorView, ReceiverView } from './snapshot.ts';

interface ReceiverRow {
  readonly origin: Origin;
  status: ReceiverView['status'];
  records: number;
  bytes: number;
  restarts: number;
  lastError: ErrorView | null;
  slots: Slots;
  retentionMillis: number | null;
  readonly errors: Slots;
}

/** The receivers of the process: the talk's table. */
export class ReceiverList {
  readonly #location: string;
  readonly #rows = new Map<number, ReceiverRow>();
  #slotMillis = 1_000;

  /** `location`: the host that the process runs on. */
  constructor(origins: readonly Origin[], location: string) {
    this.#location = location;
    for (const origin of origins) this.#rowOf(origin);
  }

  /** Takes one event into account. */
  add(event: MillraceEvent, { atMillis, origin }: Seen): void {
    if (event.type === 'engine.started') return this.#cutBy(event.batchIntervalMillis);
    const row = this.#rowOf(origin);
    switch (event.type) {
      case 'worker.started':
        row.status = 'ACTIVE';
        row.retentionMillis = event.retentionMillis ?? null;
        return;
      case 'worker.draining':
        row.status = 'DRAINING';
        return;
      case 'worker.stopped':
        row.status = row.status === 'RESTARTING' ? 'RESTARTING' : 'STOPPED';
        return;
      case 'receiver.restarting':
        row.status = 'RESTARTING';
        row.restarts += 1;
        row.errors.add(1, atMillis);
        row.lastError = { atMillis, code: event.code, message: event.message };
        return;
      case 'shard.failed':
      case 'fault.seen':
        row.errors.add(1, atMillis);
        row.lastError = { atMillis, code: event.code, message: event.message };
        return;
      case 'shard.read':
        row.records += event.records;
        row.bytes += event.bytes;
        row.slots.add(event.records, atMillis);
        return;
      default:
        return;
    }
  }

  /** The rows at a time; `shardsOf` knows how many shards a receiver holds. */
  views(nowMillis: number, shardsOf: (receiverId: number) => number): ReceiverView[] {
    return Array.from(this.#rows.values(), ({ origin, slots, errors, ...row }) => {
      const rate = rateSummaryOf(slots.rates(nowMillis));
      const last = slots.ended(nowMillis).at(-1);
      return {
        ...origin,
        ...row,
        name: `KinesisReceiver-${origin.receiverId}`,
        location: this.#location,
        shards: shardsOf(origin.receiverId),
        lastBatchAtMillis: last?.[0] ?? null,
        recordsInLastBatch: last?.[1] ?? null,
        recentErrors: errors.total(nowMillis),
        rate,
      };
    });
  }

  /** With an engine the talk's columns speak of its batches. */
  #cutBy(intervalMillis: number): void {
    this.#slotMillis = intervalMillis;
    for (const row of this.#rows.values()) row.slots = new Slots(intervalMillis);
  }

  #rowOf(origin: Origin): ReceiverRow {
    const known = this.#rows.get(origin.receiverId);
    if (known !== undefined) return known;
    const counts = { records: 0, bytes: 0, restarts: 0, lastError: null, retentionMillis: null };
    const row: ReceiverRow = {
      origin,
      status: 'INITIALIZING',
      ...counts,
      slots: new Slots(this.#slotMillis),
      errors: new Slots(30_000, 10),
    };
    this.#rows.set(origin.receiverId, row);
    return row;
  }
}
