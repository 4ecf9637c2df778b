import { type EpochOutcome, type EpochRow, type EpochTable } from '../engine/commit/epoch-table.ts';

/** The row of an application in memory, shared by all tables that are made on it. */
export class EpochPlace {
  row: EpochRow | undefined;
  isOpen = false;
  /** Every row that was written, in order. */
  readonly history: EpochRow[] = [];
  /** Set to hear of every row that is written, in line with it. */
  onWrite: (row: EpochRow) => void = () => {};
}

/** What happens to the next calls of a {@link FakeEpochTable}. */
export interface EpochHarm {
  /** Before the row is looked at: throw to lose the request, wait to make it late. */
  before?(call: 'read' | 'write'): Promise<void> | void;
  /** After it was written: throw to lose the answer. */
  after?(call: 'read' | 'write'): Promise<void> | void;
}

/** An `EpochTable` in memory, with faults that a test arranges. */
export class FakeEpochTable implements EpochTable {
  readonly #place: EpochPlace;
  readonly #harm: EpochHarm;

  constructor(place: EpochPlace = new EpochPlace(), harm: EpochHarm = {}) {
    this.#place = place;
    this.#harm = harm;
  }

  async open(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#place.isOpen = true;
  }

  async read(signal: AbortSignal): Promise<EpochRow | undefined> {
    signal.throwIfAborted();
    await this.#harm.before?.('read');
    const { row } = this.#place;
    await this.#harm.after?.('read');
    signal.throwIfAborted();
    return row;
  }

  async write(row: EpochRow, seen: EpochRow | undefined, signal: AbortSignal): Promise<EpochOutcome> {
    signal.throwIfAborted();
    await this.#harm.before?.('write');
    signal.throwIfAborted();
    const now = this.#place.row;
    const holds =
      seen === undefined
        ? now === undefined
        : now?.epoch === seen.epoch && now.counter === seen.counter && now.batchId === seen.batchId;
    if (holds) {
      this.#place.row = row;
      this.#place.history.push(row);
      this.#place.onWrite(row);
    }
    await this.#harm.after?.('write');
    return holds ? { tag: 'applied' } : { tag: 'refused', row: now };
  }
}
