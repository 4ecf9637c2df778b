import { type PageRecord, type RecordPlaces, RecordTable } from './page-record.ts';

/** What a scanner found in the top level of a page: of GetRecords, or of one event of SubscribeToShard. */
export interface ScannedPage {
  records: PageRecord[] | undefined;
  nextIterator: string | undefined;
  continuationSequenceNumber: string | undefined;
  millisBehindLatest: number | undefined;
  /** Those of the records whose data stand there as base64 text, still. */
  readonly inBase64: PageRecord[];
  /** Bytes that moved records keep in memory; `undefined` when some have stayed in the answer. */
  movedBytes: number | undefined;
  /** Whether data turned out not to be base64. */
  isWrong: boolean;
}

/** Thrown where a page leaves the form that a scanner knows. */
export const unusual = new Error('a page in another form');
/** Thrown where the bytes at hand end in the middle of something. */
export const short = new Error('the bytes at hand end here');

/** The least that is copied where something lies across two chunks: small enough for Node's pool of 8 KiB. */
const minBridgeBytes = 2_048;

/**
 * Goes over the chunks of a page without putting them together. A scanner reads `bytes` from `at` on, one unit after the
 * other (a record, or a field of the page), and throws {@link short} where they end. Then the unit's beginning and what
 * comes after it are copied into a bridge, larger each time, and the unit is read again; after it the scanner goes on in
 * the chunk itself. So only what lies across two chunks is copied.
 */
export abstract class PageScanner {
  protected bytes: Buffer;
  /** The same bytes. */
  protected view: DataView;
  protected at = 0;
  /** Where the unit that is being read begins. */
  protected unitStart = 0;
  readonly #chunks: readonly Buffer[];
  /** The chunk in which `bytes` lie, or with which the bridge begins. */
  #chunk = 0;
  /** Where in that chunk the bridge begins; `undefined` when `bytes` are the chunk itself. */
  #bridgeOffset: number | undefined;
  /** Of the records in `bytes`; made with the first. */
  #table: RecordTable | undefined;
  protected readonly found: ScannedPage = {
    records: undefined,
    nextIterator: undefined,
    continuationSequenceNumber: undefined,
    millisBehindLatest: undefined,
    inBase64: [],
    movedBytes: 0,
    isWrong: false,
  };
  protected readonly places: RecordPlaces = {
    dataStart: 0,
    dataLength: 0,
    keyStart: 0,
    keyLength: 0,
    sequenceStart: 0,
    sequenceLength: 0,
    arrivalTimeMillis: 0,
  };

  constructor(chunks: readonly Buffer[]) {
    this.#chunks = chunks;
    this.bytes = chunks[0] ?? Buffer.alloc(0);
    this.view = viewOf(this.bytes);
  }

  /** The page, or `undefined` when it is in another form than this scanner knows. Changes nothing. */
  scan(): ScannedPage | undefined {
    for (;;) {
      try {
        this.readUnits();
      } catch (thrown) {
        if (thrown === unusual) return undefined;
        if (thrown !== short) throw thrown;
        if (this.#extend()) continue;
        this.#leaveTable();
        return this.isWhole && this.found.records !== undefined ? this.found : undefined;
      }
    }
  }

  /**
   * Reads units from `unitStart` on, in whatever it was when it was left, and calls `begin` before each. Ends by throwing:
   * {@link short} when all bytes are read too.
   */
  protected abstract readUnits(): never;

  /** Whether nothing is missing when the bytes end here. */
  protected abstract readonly isWhole: boolean;

  /** No more records come from the bytes that this table is of. */
  protected abstract leaveRecords(table: RecordTable): void;

  /** A unit begins here. */
  protected begin(): void {
    if (this.#bridgeOffset !== undefined && this.at > 0) this.#leaveBridge(this.#bridgeOffset);
    this.unitStart = this.at;
  }

  /** What a record of the page has found so far is nothing. */
  protected clearPlaces(): void {
    const { places } = this;
    places.dataStart = -1;
    places.keyStart = -1;
    places.sequenceStart = -1;
    places.arrivalTimeMillis = Number.NaN;
  }

  /** The record whose places were found. */
  protected foundRecord(): PageRecord {
    this.#table ??= new RecordTable(this.bytes);
    return this.#table.add(this.places);
  }

  /** @throws {@link unusual} when a record lacks what every record has */
  protected checkPlaces(): void {
    const { dataStart, keyStart, sequenceStart, arrivalTimeMillis } = this.places;
    if (dataStart < 0 || keyStart < 0 || sequenceStart < 0 || Number.isNaN(arrivalTimeMillis)) throw unusual;
  }

  /** Makes a bridge from the unit's beginning to beyond the end of `bytes`; `false` when nothing follows. */
  #extend(): boolean {
    const had = this.bytes.length - this.unitStart;
    // In a bridge the unit begins with it.
    const offset = this.#bridgeOffset ?? this.unitStart;
    const pieces = this.#piecesFrom(offset, Math.max(2 * had, minBridgeBytes));
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length === had) return false;
    const bridge = Buffer.allocUnsafe(length);
    let at = 0;
    for (const piece of pieces) {
      bridge.set(piece, at);
      at += piece.length;
    }
    this.#bridgeOffset = offset;
    this.#goTo(bridge, 0);
    this.unitStart = 0;
    return true;
  }

  #piecesFrom(offset: number, wanted: number): Buffer[] {
    const pieces: Buffer[] = [];
    let start = offset;
    let missing = wanted;
    for (let index = this.#chunk; index < this.#chunks.length && missing > 0; index += 1) {
      const piece = (this.#chunks[index] as Buffer).subarray(start, start + missing);
      pieces.push(piece);
      missing -= piece.length;
      start = 0;
    }
    return pieces;
  }

  /** Goes on in the chunk itself, so that what comes next does not keep the bridge in memory. */
  #leaveBridge(offset: number): void {
    const chunks = this.#chunks;
    let at = offset + this.at;
    let length = (chunks[this.#chunk] as Buffer).length;
    while (at >= length && this.#chunk < chunks.length - 1) {
      at -= length;
      this.#chunk += 1;
      length = (chunks[this.#chunk] as Buffer).length;
    }
    this.#bridgeOffset = undefined;
    this.#goTo(chunks[this.#chunk] as Buffer, at);
  }

  #goTo(bytes: Buffer, at: number): void {
    this.#leaveTable();
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.at = at;
  }

  #leaveTable(): void {
    const table = this.#table;
    if (table === undefined) return;
    this.#table = undefined;
    this.leaveRecords(table);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
