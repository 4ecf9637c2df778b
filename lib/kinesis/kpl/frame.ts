import { hash } from 'node:crypto';
import { haveDigests } from './digests.ts';

/** The frame of an aggregate: these four bytes, a protobuf message, and the MD5 of the message (kcl.md 2.19). */
export const frameMagic: Uint8Array = Uint8Array.of(0xf3, 0x89, 0x9a, 0xc2);
/** The length of the MD5 at the end of a frame. */
export const digestBytes = 16;
/** What a frame adds to its message. */
export const frameOverheadBytes: number = frameMagic.length + digestBytes;

/** The message of a frame, as a view; else why the bytes are no frame in spite of their magic. */
export type OpenedFrame = { readonly message: Uint8Array } | { readonly broken: 'short' | 'digest' };

/** Opens records that have the magic, as many at once as there are lanes (`md5-lanes.ts`). A frame without a message is none, as for KCL. */
export function openFrames(records: readonly Uint8Array[]): readonly OpenedFrame[] {
  const messages = records.map((data) => data.subarray(frameMagic.length, Math.max(frameMagic.length, endOf(data))));
  const digests = records.map((data) => data.subarray(Math.max(0, endOf(data))));
  const areRight = haveDigests(messages, digests);
  return messages.map((message, index) => {
    if (message.length === 0) return { broken: 'short' };
    return areRight[index] === true ? { message } : { broken: 'digest' };
  });
}

/** Where the message of a frame ends. */
function endOf(data: Uint8Array): number {
  return data.length - digestBytes;
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
