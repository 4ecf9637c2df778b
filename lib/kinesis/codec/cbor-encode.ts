const unsigned = 0;
const negative = 1;
const text = 3;
const list = 4;
const map = 5;

/**
 * Encodes a parsed JSON value as CBOR (RFC 8949), for requests: texts, whole numbers, lists, maps, booleans and null are
 * all that a GetRecords request has. Any other number becomes a double.
 */
export function encodeCbor(value: unknown): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return new Uint8Array(Buffer.concat(parts));
}

function write(value: unknown, parts: Uint8Array[]): void {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    parts.push(head(text, bytes.length), bytes);
  } else if (typeof value === 'number') parts.push(numberOf(value));
  else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xf5 : 0xf4));
  else if (Array.isArray(value)) {
    parts.push(head(list, value.length));
    for (const item of value) write(item, parts);
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    parts.push(head(map, entries.length));
    for (const [name, item] of entries) {
      write(name, parts);
      write(item, parts);
    }
  } else parts.push(Uint8Array.of(0xf6));
}

function numberOf(value: number): Uint8Array {
  if (Number.isSafeInteger(value)) return value < 0 ? head(negative, -1 - value) : head(unsigned, value);
  const bytes = Buffer.alloc(9, 0xfb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function head(major: number, argument: number): Uint8Array {
  const kind = major << 5;
  if (argument < 24) return Uint8Array.of(kind | argument);
  if (argument < 0x100) return Uint8Array.of(kind | 24, argument);
  if (argument < 0x1_0000) return Uint8Array.of(kind | 25, argument >> 8, argument & 0xff);
  const bytes = Buffer.alloc(9);
  if (argument < 2 ** 32) {
    bytes[0] = kind | 26;
    bytes.writeUInt32BE(argument, 1);
    return bytes.subarray(0, 5);
  }
  bytes[0] = kind | 27;
  bytes.writeBigUInt64BE(BigInt(argument), 1);
  return bytes;
}
