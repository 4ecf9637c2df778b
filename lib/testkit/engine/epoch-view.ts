import type { EpochOutcome, EpochRow, EpochTable } from '../../engine/commit/epoch-table.ts';
import type { Wire } from '../wire.ts';

/** What an {@link EpochView} is made with. */
export interface EpochViewOptions {
  readonly table: EpochTable;
  readonly wire: Wire;
  /** Told before each call is performed. */
  readonly onPerform: () => void;
}

/** One process's view of the row of its application, through its own wire. */
export class EpochView implements EpochTable {
  readonly #options: EpochViewOptions;

  constructor(options: EpochViewOptions) {
    this.#options = options;
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#call('openEpoch', signal, (table) => table.open(neverAborted));
  }

  read(signal: AbortSignal): Promise<EpochRow | undefined> {
    return this.#call('readEpoch', signal, (table) => table.read(neverAborted));
  }

  write(row: EpochRow, seen: EpochRow | undefined, signal: AbortSignal): Promise<EpochOutcome> {
    return this.#call('writeEpoch', signal, (table) => table.write(row, seen, neverAborted));
  }

  #call<T>(operation: string, signal: AbortSignal, perform: (table: EpochTable) => Promise<T>): Promise<T> {
    const { table, wire, onPerform } = this.#options;
    return wire.call(operation, signal, () => {
      onPerform();
      return perform(table);
    });
  }
}

const neverAborted = new AbortController().signal;
