import { crc32 } from 'node:zlib';

/** The type of a header whose value is text. */
const textHeader = 7;
/** Total length, header length, their CRC; and the CRC of all behind the payload. */
const preludeBytes = 12;
const trailerBytes = 4;

/** The content type of an event stream. */
export const eventStreamType = 'application/vnd.amazon.eventstream';

/**
 * One message of `application/vnd.amazon.eventstream`, with its two CRCs. All headers are texts, as in every message of
 * Kinesis.
 */
export function eventFrame(headers: Readonly<Record<string, string>>, ...payload: readonly Uint8Array[]): Buffer {
  const head = headerBytes(headers);
  const payloadBytes = payload.reduce((sum, part) => sum + part.length, 0);
  const frame = Buffer.allocUnsafe(preludeBytes + head.length + payloadBytes + trailerBytes);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(head.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  head.copy(frame, preludeBytes);
  let at = preludeBytes + head.length;
  for (const part of payload) {
    frame.set(part, at);
    at += part.length;
  }
  frame.writeUInt32BE(crc32(frame.subarray(0, at)), at);
  return frame;
}

/** An event with a payload in the JSON protocol; the first one of a call is `initial-response`. */
export function jsonEvent(eventType: string, ...payload: readonly Uint8Array[]): Buffer {
  const headers = { ':message-type': 'event', ':event-type': eventType, ':content-type': 'application/x-amz-json-1.1' };
  return eventFrame(headers, ...payload);
}

/** The end of a stream by an exception, such as `ResourceInUseException`. */
export function exceptionFrame(exceptionType: string, message: string): Buffer {
  const headers = {
    ':message-type': 'exception',
    ':exception-type': exceptionType,
    ':content-type': 'application/x-amz-json-1.1',
  };
  return eventFrame(headers, Buffer.from(JSON.stringify({ message })));
}

function headerBytes(headers: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(headers)) {
    const nameBytes = Buffer.from(name);
    const valueBytes = Buffer.from(value);
    const length = Buffer.of(textHeader, valueBytes.length >>> 8, valueBytes.length & 0xff);
    parts.push(Buffer.of(nameBytes.length), nameBytes, length, valueBytes);
  }
  return Buffer.concat(parts);
}
