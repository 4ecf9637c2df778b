/**
 * The one row of an application whose plan sees all shards at once: lock, heartbeat and pointer in one (design section 8).
 * Kept in the table `<applicationName>-Engine`.
 */
export interface EpochRow {
  /** Grows by one with every holder; the fence of all that the holder writes. */
  readonly epoch: number;
  /** Names the holder's process: its worker identifier and a random part, so that two processes of one name differ. */
  readonly owner: string;
  /** Grows by one with every write; when it stands still for `leaseDurationMillis`, the holder may be gone. */
  readonly counter: number;
  /** How long the holder may be silent; each holder says it, since options of two processes may differ. */
  readonly leaseDurationMillis: number;
  /** The last committed batch; 0 before the first. */
  readonly batchId: number;
  /** The text of the pointer to the last manifest; absent before the first commit. */
  readonly pointer?: string;
  /** Whether the holder has given it back: the next one need not wait. */
  readonly isReleased: boolean;
}

/** What became of a conditional write of the row. A refused one tells the row as it is. */
export type EpochOutcome =
  | { readonly tag: 'applied' }
  | { readonly tag: 'refused'; readonly row: EpochRow | undefined };

/**
 * Where the row is. A call is one attempt; one that rejects with reaction `retry` or `restart` may have been applied, and
 * the same write may be sent again. Implementations: DynamoDB, and the fake of the testkit; `epochTableSuite` says what
 * both do.
 */
export interface EpochTable {
  /** Makes the table unless it exists, and waits until it can be used. */
  open(signal: AbortSignal): Promise<void>;
  /** The row, consistently read; `undefined` when no process ever held it. */
  read(signal: AbortSignal): Promise<EpochRow | undefined>;
  /**
   * Puts the row in the place of `seen`, if that is still what is there: its epoch, its counter and its batch id.
   * `undefined` for `seen` means that there must be none.
   */
  write(row: EpochRow, seen: EpochRow | undefined, signal: AbortSignal): Promise<EpochOutcome>;
}

/** Whether two rows are the same in every field. */
export function sameEpochRow(a: EpochRow, b: EpochRow | undefined): boolean {
  return (
    b !== undefined &&
    a.epoch === b.epoch &&
    a.owner === b.owner &&
    a.counter === b.counter &&
    a.leaseDurationMillis === b.leaseDurationMillis &&
    a.batchId === b.batchId &&
    a.pointer === b.pointer &&
    a.isReleased === b.isReleased
  );
}
