import { createHash } from 'node:crypto';
import { stateError } from './object-store.ts';

/**
 * The first line of every object: what it is, by which rules it is written, and how to tell that it is whole. The body
 * follows as lines of JSON.
 */
interface Header {
  readonly format: string;
  readonly schemaVersion: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** The rules by which this version writes; it reads those of all versions up to it. */
export const schemaVersion = 1;

const formatPrefix = 'millrace-';
const newline = 0x0a;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** An object as it is kept, with the checksum of the whole by which those that name it know it again. */
export interface Sealed {
  readonly bytes: Uint8Array;
  /** `sha256:` and 64 hexadecimal digits, of all bytes with the header. */
  readonly checksum: string;
}

/** Lines of JSON as an object of a kind: `manifest`, `plan`. */
export function seal(kind: string, lines: Iterable<string>): Sealed {
  const sealing = new Sealing();
  for (const line of lines) sealing.add(line);
  return sealing.end(kind);
}

/** Like {@link seal}; other work of the process has its turn between the lines, which may be many and long. */
export async function sealInTurns(
  kind: string,
  lines: Iterable<string>,
  breathe: () => Promise<void> | undefined,
): Promise<Sealed> {
  const sealing = new Sealing();
  for (const line of lines) {
    sealing.add(line);
    const turn = breathe();
    if (turn !== undefined) await turn;
  }
  return sealing.end(kind);
}

class Sealing {
  readonly #parts: Uint8Array[] = [];
  readonly #digest = createHash('sha256');
  #bytes = 0;

  add(line: string): void {
    const part = encoder.encode(`${line}\n`);
    this.#digest.update(part);
    this.#parts.push(part);
    this.#bytes += part.byteLength;
  }

  end(kind: string): Sealed {
    const sha256 = this.#digest.digest('hex');
    const header: Header = { format: formatPrefix + kind, schemaVersion, bytes: this.#bytes, sha256 };
    const whole = Buffer.concat([encoder.encode(`${JSON.stringify(header)}\n`), ...this.#parts]);
    return { bytes: whole, checksum: checksumOf(whole) };
  }
}

/** The checksum of bytes, as {@link Sealed} has it. */
export function checksumOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Where an object came from and what it must be, to tell a wrong one from a damaged one. */
export interface Expected {
  readonly location: string;
  readonly name: string;
  readonly kind: string;
  /** The checksum that whoever names the object gave; absent: only the object's own is checked. */
  readonly checksum?: string;
}

/**
 * The lines of an object, parsed, after everything about it was checked. Nothing of it is believed before.
 * @throws MillraceError `MR_STATE_DAMAGED` for a torn, changed or foreign object, `MR_STATE_NEWER` for one that a later
 * version of Millrace wrote
 */
export function* unseal(bytes: Uint8Array, expected: Expected): Generator<unknown, void, undefined> {
  const end = bytes.indexOf(newline);
  const header = headerOf(bytes.subarray(0, Math.max(end, 0)));
  const damaged = (why: string) =>
    stateError(
      'MR_STATE_DAMAGED',
      expected.location,
      `${expected.name} ${why}; restore it from a copy, or rewind to an earlier version`,
    );
  if (header === undefined) throw damaged('does not begin as an object of Millrace does');
  if (header.schemaVersion > schemaVersion) {
    throw stateError(
      'MR_STATE_NEWER',
      expected.location,
      `${expected.name} is written by the rules ${header.schemaVersion}, and this version of Millrace knows those up to ${schemaVersion}; run the version that wrote it, or a later one`,
    );
  }
  if (header.format !== formatPrefix + expected.kind) {
    throw damaged(`is a ${header.format}, not a ${formatPrefix}${expected.kind}`);
  }
  const body = bytes.subarray(end + 1);
  if (body.byteLength !== header.bytes) throw damaged(`holds ${body.byteLength} bytes of ${header.bytes}`);
  // The checksum of the whole tells all; that of the body is looked at where nobody named the object, or to say what is wrong.
  const isNamed = expected.checksum !== undefined && expected.checksum === checksumOf(bytes);
  if (!isNamed) {
    if (createHash('sha256').update(body).digest('hex') !== header.sha256) throw damaged('does not match its checksum');
    if (expected.checksum !== undefined) throw damaged('is whole, but not the object that is named here');
  }
  for (let start = 0; start < body.byteLength;) {
    const next = body.indexOf(newline, start);
    yield JSON.parse(decoder.decode(body.subarray(start, next)));
    start = next + 1;
  }
}

function headerOf(line: Uint8Array): Header | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(line));
    return isHeader(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isHeader(value: unknown): value is Header {
  if (typeof value !== 'object' || value === null) return false;
  const { format, schemaVersion: version, bytes, sha256 } = value as Record<string, unknown>;
  return (
    typeof format === 'string' &&
    format.startsWith(formatPrefix) &&
    Number.isSafeInteger(version) &&
    Number.isSafeInteger(bytes) &&
    typeof sha256 === 'string'
  );
}
