import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts';

/** What a service answers, before it is written in a format: bytes and times have types of their own. */
export type WireValue = CborValue;

/** The members of a request, as read. */
export type WireRequest = Readonly<Record<string, unknown>>;

/** One way to write the calls of AWS down. */
export interface WireFormat {
  readonly contentType: string;
  /** Reads the members of a request; throws when it is none. */
  decode(body: Buffer): WireRequest;
  encode(value: WireValue): Buffer;
  /** A member that stands for bytes; `undefined` when it cannot. */
  bytesOf(member: unknown): Uint8Array | undefined;
  /** A member that stands for a time, in milliseconds since 1970; `undefined` when it cannot. */
  millisOf(member: unknown): number | undefined;
}

/** AWS JSON: bytes are base64, times are seconds with a fraction. */
export function jsonFormat(version: '1.0' | '1.1'): WireFormat {
  return {
    contentType: `application/x-amz-json-${version}`,
    decode: (body) => members(body.length === 0 ? {} : JSON.parse(body.toString())),
    encode: (value) => Buffer.from(JSON.stringify(toJson(value))),
    bytesOf: (member) => (typeof member === 'string' ? Buffer.from(member, 'base64') : undefined),
    millisOf: (member) => (typeof member === 'number' ? Math.round(member * 1_000) : undefined),
  };
}

/** AWS CBOR: bytes are byte strings, times are milliseconds with the tag of a time. */
export const cborFormat: WireFormat = {
  contentType: 'application/x-amz-cbor-1.1',
  decode: (body) => members(body.length === 0 ? {} : decodeCbor(body)),
  encode: encodeCbor,
  bytesOf: (member) => (member instanceof Uint8Array ? member : undefined),
  millisOf: (member) => (member instanceof Date ? member.getTime() : typeof member === 'number' ? member : undefined),
};

function members(value: unknown): WireRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object');
  return value as WireRequest;
}

function toJson(value: WireValue | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.getTime() / 1_000;
  if (value instanceof Uint8Array) return base64(value);
  if (Array.isArray(value)) return value.map(toJson);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toJson(member as WireValue)]));
}

/** Bytes as base64 text, without a copy. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
