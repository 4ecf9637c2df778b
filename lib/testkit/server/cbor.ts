/**
 * CBOR (RFC 8949) as far as AWS' protocol uses it, written apart from the codec under test so that both must agree with the RFC.
 * A `Date` becomes tag 1 with whole milliseconds, which is how Kinesis means it (the RFC means seconds).
 */

/** What {@link encodeCbor} writes; `undefined` members of objects are left out. */
export type CborValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Date
  | readonly CborValue[]
  | { readonly [name: string]: CborValue | undefined };

const major = { positive: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const;
const tagOfTime = 1;
const simpleFalse = 0xf4;
const simpleTrue = 0xf5;
const simpleNull = 0xf6;
const breakCode = 0xff;
/** Deeper values are refused: no request of AWS is that deep. */
const maxDepth = 64;

/** Writes a value. */
export function encodeCbor(value: CborValue): Buffer {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

/** The head of an item: its major type and its number, length or count. */
export function cborHead(kind: keyof typeof major, count: number): Buffer {
  const type = major[kind] << 5;
  if (count < 24) return Buffer.of(type | count);
  if (count < 0x100) return Buffer.of(type | 24, count);
  if (count < 0x1_0000) return Buffer.of(type | 25, count >>> 8, count & 0xff);
  if (count < 0x1_0000_0000) {
    const head = Buffer.alloc(5, type | 26);
    head.writeUInt32BE(count, 1);
    return head;
  }
  const head = Buffer.alloc(9, type | 27);
  head.writeBigUInt64BE(BigInt(count), 1);
  return head;
}

function write(value: CborValue, parts: Uint8Array[]): void {
  if (value === null) parts.push(Buffer.of(simpleNull));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? simpleTrue : simpleFalse));
  else if (typeof value === 'number') parts.push(numberBytes(value));
  else if (typeof value === 'string') writeCounted('text', Buffer.from(value), parts);
  else if (value instanceof Uint8Array) writeCounted('bytes', value, parts);
  else if (value instanceof Date) parts.push(cborHead('tag', tagOfTime), numberBytes(value.getTime()));
  else if (isList(value)) {
    parts.push(cborHead('array', value.length));
    for (const item of value) write(item, parts);
  } else {
    const members = Object.entries(value).filter((member) => member[1] !== undefined);
    parts.push(cborHead('map', members.length));
    for (const [name, member] of members) {
      writeCounted('text', Buffer.from(name), parts);
      write(member as CborValue, parts);
    }
  }
}

function isList(value: object): value is readonly CborValue[] {
  return Array.isArray(value);
}

function writeCounted(kind: 'text' | 'bytes', bytes: Uint8Array, parts: Uint8Array[]): void {
  parts.push(cborHead(kind, bytes.length), bytes);
}

function numberBytes(value: number): Buffer {
  if (Number.isSafeInteger(value)) return value < 0 ? cborHead('negative', -1 - value) : cborHead('positive', value);
  const bytes = Buffer.alloc(9, 0xfb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

/**
 * Reads one value that fills the buffer: maps as objects, tag 1 as `Date` of milliseconds, other tags as what they hold.
 * @throws RangeError for anything that is cut short, too deep, or goes on behind the value
 */
export function decodeCbor(buffer: Uint8Array): CborValue {
  const reader = new CborReader(buffer);
  const value = reader.value(0);
  if (reader.at !== buffer.length) throw new RangeError(`${buffer.length - reader.at} bytes follow the value`);
  return value as CborValue;
}

const brk = Symbol('break');

class CborReader {
  at = 0;
  readonly #view: DataView;
  readonly #buffer: Buffer;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): CborValue | typeof brk {
    if (depth > maxDepth) throw new RangeError(`deeper than ${maxDepth}`);
    const initial = this.#view.getUint8(this.#take(1));
    const type = initial >>> 5;
    if (type === major.simple) return this.#simple(initial);
    const indefinite = (initial & 31) === 31;
    const count = indefinite ? Infinity : this.#count(initial & 31);
    switch (type) {
      case major.positive:
        return count;
      case major.negative:
        return -1 - count;
      case major.bytes:
        return indefinite ? this.#joined(depth) : this.#bytes(count);
      case major.text:
        return (indefinite ? this.#joined(depth) : this.#bytes(count)).toString('utf8');
      case major.array:
        return this.#items(count, depth);
      case major.map:
        return this.#members(count, depth);
      default: {
        const tagged = this.value(depth + 1);
        return count === tagOfTime && typeof tagged === 'number' ? new Date(tagged) : tagged;
      }
    }
  }

  #items(count: number, depth: number): CborValue[] {
    const items: CborValue[] = [];
    while (items.length < count) {
      const item = this.value(depth + 1);
      if (item === brk) return items;
      items.push(item);
    }
    return items;
  }

  #members(count: number, depth: number): Record<string, CborValue> {
    const members: Record<string, CborValue> = {};
    for (let index = 0; index < count; index += 1) {
      const name = this.value(depth + 1);
      if (name === brk) return members;
      if (typeof name !== 'string') throw new RangeError('a name of a map that is no text');
      const member = this.value(depth + 1);
      if (member === brk) throw new RangeError('a name of a map without a value');
      members[name] = member;
    }
    return members;
  }

  #joined(depth: number): Buffer {
    const pieces = this.#items(Infinity, depth);
    return Buffer.concat(
      pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : (piece as Uint8Array))),
    );
  }

  #simple(initial: number): CborValue | typeof brk {
    switch (initial) {
      case simpleFalse:
        return false;
      case simpleTrue:
        return true;
      case 0xf9:
        return halfFloat(this.#view.getUint16(this.#take(2)));
      case 0xfa:
        return this.#view.getFloat32(this.#take(4));
      case 0xfb:
        return this.#view.getFloat64(this.#take(8));
      case breakCode:
        return brk;
      default:
        return null;
    }
  }

  #count(information: number): number {
    if (information < 24) return information;
    if (information === 24) return this.#view.getUint8(this.#take(1));
    if (information === 25) return this.#view.getUint16(this.#take(2));
    if (information === 26) return this.#view.getUint32(this.#take(4));
    if (information === 27) return Number(this.#view.getBigUint64(this.#take(8)));
    throw new RangeError(`additional information ${information}`);
  }

  #bytes(count: number): Buffer {
    const start = this.#take(count);
    return this.#buffer.subarray(start, start + count);
  }

  #take(count: number): number {
    const start = this.at;
    if (start + count > this.#view.byteLength) throw new RangeError('cut short');
    this.at = start + count;
    return start;
  }
}

function halfFloat(bits: number): number {
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >>> 15 === 1 ? -1 : 1;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * 2 ** (exponent - 25) * (1024 + fraction);
}
