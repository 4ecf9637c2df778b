import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { type LedgerLine, parseLedgerLine } from './ledger-line.ts';

/**
 * The file into which a worker writes what it handled, one line of JSON each. `append` returns when the system has the
 * line: from then on no end of the process can take it back, kill -9 included. So a handler that appends before it
 * returns has all it finished on record. A kill inside the write may leave part of a line; its handler had not returned.
 */
export class LedgerWriter {
  readonly #file: number;

  /** Opens the file, which must not be there yet: two processes would mix their lines. */
  constructor(path: string) {
    this.#file = openSync(path, 'ax', 0o600);
  }

  /** Writes a line; throws when the system does not take all of it. */
  append(line: LedgerLine): void {
    writeAll(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** Writes a text to an open file, all of it. */
export function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

const pieceBytes = 256 * 1024;

/** Reads a ledger while its worker writes it. */
export class LedgerReader {
  readonly #path: string;
  readonly #piece = Buffer.allocUnsafe(pieceBytes);
  #file: number | undefined;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** The lines that are complete and were not read before; none as long as there is no file. */
  read(): readonly LedgerLine[] {
    this.#file ??= openIfThere(this.#path);
    if (this.#file === undefined) return [];
    const lines: LedgerLine[] = [];
    for (;;) {
      const count = readSync(this.#file, this.#piece, 0, pieceBytes, null);
      if (count === 0) return lines;
      const bytes = Buffer.concat([this.#rest, this.#piece.subarray(0, count)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      // Cut at a newline, and so never inside a character.
      const texts = bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
      for (const text of texts) lines.push(parseLedgerLine(text));
      this.#rest = Buffer.from(bytes.subarray(end));
    }
  }

  /** Lets go of the file. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}
