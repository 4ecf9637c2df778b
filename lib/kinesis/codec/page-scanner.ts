import type { PageRecord, RecordPlaces } from './page-record.ts';

/** What a scanner found in the top level of a page: of GetRecords, or of one event of SubscribeToShard. */
export interface ScannedPage {
  records: PageRecord[] | undefined;
  nextIterator: string | undefined;
  continuationSequenceNumber: string | undefined;
  millisBehindLatest: number | undefined;
  /** Those of the records whose data stand there as base64 text. */
  readonly inBase64: PageRecord[];
}

/** Thrown where a page leaves the form that a scanner knows. */
export const unusual = new Error('a page in another form');
/** Thrown where the bytes at hand end in the middle of something. */
export const short = new Error('the bytes at hand end here');

/** The least that is copied where something lies across two chunks. */
const minBridgeBytes = 4_096;

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
  /** The first byte that `bytes` does not have: chunk and offset. */
  #nextChunk = 1;
  #nextOffset = 0;
  /** In a bridge: where its last piece begins, and where that lies in its chunk. */
  #pieceStart = 0;
  #pieceChunk = 0;
  #pieceOffset = 0;
  #isBridge = false;
  protected readonly found: ScannedPage = {
    records: undefined,
    nextIterator: undefined,
    continuationSequenceNumber: undefined,
    millisBehindLatest: undefined,
    inBase64: [],
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
        return this.found.records === undefined ? undefined : this.found;
      } catch (thrown) {
        if (thrown === unusual) return undefined;
        if (thrown !== short) throw thrown;
        if (!this.#extend()) return undefined;
      }
    }
  }

  /** Reads units to the end of the page, from `unitStart` on, in whatever it was when it was left. Calls `begin` for each. */
  protected abstract readUnits(): void;

  /** A unit begins here. */
  protected begin(): void {
    if (this.#isBridge && this.at >= this.#pieceStart) this.#leaveBridge();
    this.unitStart = this.at;
  }

  /** Whether all chunks have been read. */
  protected get isAtEnd(): boolean {
    return this.at === this.bytes.length && this.#nextChunk >= this.#chunks.length;
  }

  /** What a record of the page has found so far is nothing. */
  protected clearPlaces(): void {
    const { places } = this;
    places.dataStart = -1;
    places.keyStart = -1;
    places.sequenceStart = -1;
    places.arrivalTimeMillis = Number.NaN;
  }

  /** @throws {@link unusual} when a record lacks what every record has */
  protected checkPlaces(): void {
    const { dataStart, keyStart, sequenceStart, arrivalTimeMillis } = this.places;
    if (dataStart < 0 || keyStart < 0 || sequenceStart < 0 || Number.isNaN(arrivalTimeMillis)) throw unusual;
  }

  /** Makes a bridge from the unit's beginning to beyond the end of `bytes`; `false` when nothing follows. */
  #extend(): boolean {
    const chunks = this.#chunks;
    const rest = this.bytes.subarray(this.unitStart);
    const pieces: Buffer[] = [rest];
    let length = rest.length;
    const wanted = Math.max(2 * rest.length, minBridgeBytes);
    while (length < wanted && this.#nextChunk < chunks.length) {
      const chunk = chunks[this.#nextChunk] as Buffer;
      const piece = chunk.subarray(this.#nextOffset, this.#nextOffset + wanted - length);
      this.#pieceStart = length;
      this.#pieceChunk = this.#nextChunk;
      this.#pieceOffset = this.#nextOffset;
      pieces.push(piece);
      length += piece.length;
      this.#nextOffset += piece.length;
      if (this.#nextOffset < chunk.length) continue;
      this.#nextChunk += 1;
      this.#nextOffset = 0;
    }
    if (pieces.length === 1) return false;
    const bridge = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const piece of pieces) {
      bridge.set(piece, at);
      at += piece.length;
    }
    this.bytes = bridge;
    this.view = viewOf(bridge);
    this.#isBridge = true;
    this.at = 0;
    this.unitStart = 0;
    return true;
  }

  #leaveBridge(): void {
    this.at += this.#pieceOffset - this.#pieceStart;
    this.bytes = this.#chunks[this.#pieceChunk] as Buffer;
    this.view = viewOf(this.bytes);
    this.#isBridge = false;
    this.#nextChunk = this.#pieceChunk + 1;
    this.#nextOffset = 0;
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
