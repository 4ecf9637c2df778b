import { hash } from 'node:crypto';

/** The frame of an aggregate: these four bytes, a protobuf message, and the MD5 of the message (kcl.md 2.19). */
export const frameMagic: Uint8Array = Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2);
/** The length of the MD5 at the end of a frame. */
export const digestBytes = 16;
/** What a frame adds to its message. */
export const frameOverheadBytes: number = frameMagic.length + digestBytes;

/** The message of a frame, as a view; else why the bytes are no frame in spite of their magic. */
export type OpenedFrame = { readonly message: Uint8Array } | { readonly broken: 'short' | 'digest' };

/** Opens bytes that have the magic. A frame without a message is none, as for KCL. */
export function openFrame(data: Uint8Array): OpenedFrame {
  if (data.length <= frameOverheadBytes) return { broken: 'short' };
  const end = data.length - digestBytes;
  const message = data.subarray(frameMagic.length, end);
  const digest = Buffer.from(data.buffer, data.byteOffset + end, digestBytes).toString('binary');
  return hash('md5', message, 'binary') === digest ? { message } : { broken: 'digest' };
}

/**
 * Makes a frame with room for a message of that length, has `write` fill the room, and closes it with the digest.
 */
export function makeFrame(messageBytes: number, write: (room: Buffer) => void): Buffer {
  const frame = Buffer.allocUnsafe(frameOverheadBytes + messageBytes);
  frame.set(frameMagic);
  const message = frame.subarray(frameMagic.length, frameMagic.length + messageBytes);
  write(message);
  frame.write(hash('md5', message, 'binary'), frameMagic.length + messageBytes, 'binary');
  return frame;
}
