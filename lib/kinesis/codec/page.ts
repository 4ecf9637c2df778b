import type { ChildShard, RawRecord } from '../kinesis-api.ts';

/** A decoded page: the answer of GetRecords, or one event of SubscribeToShard. */
export interface DecodedPage {
  readonly records: readonly RawRecord[];
  readonly nextIterator: string | undefined;
  readonly continuationSequenceNumber: string | undefined;
  readonly millisBehindLatest: number | undefined;
  readonly childShards: readonly ChildShard[];
  /** Bytes that the records are views of, and so keep in memory: of the answer, or moved out of it; absent where they are copies. */
  readonly wireBytes?: number;
  /** Whether nothing of the page lies in the bytes of the answer. */
  readonly isMoved?: boolean;
}
