import { MessageChannel, type TransferListItem } from 'node:worker_threads';

/** Takes buffers away from this thread, and lets go of them. */
let nowhere: ((buffers: readonly ArrayBuffer[]) => void) | undefined;

/**
 * Frees the memory of pieces that nobody else has, at once instead of when the garbage collector finds them; afterwards they
 * are empty. V8 counts the bytes of all buffers, short-lived ones too, and goes over the whole heap for each 8 MB or so that
 * have come since the last time: what is known to be of no more use is better taken out of that count. A piece that shares
 * its memory with others, such as one from Node's pool, is left alone, as is whatever cannot be taken.
 */
export function freeBytes(pieces: readonly Uint8Array[]): void {
  const buffers: ArrayBuffer[] = [];
  for (const { buffer, byteLength } of pieces) {
    if (byteLength > 0 && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffers.push(buffer);
  }
  if (buffers.length === 0) return;
  nowhere ??= toNowhere();
  try {
    nowhere(buffers);
  } catch {
    // One of them is not to be had, such as Node's pool: then all are left to the collector.
  }
}

/** A message to a port that is closed takes its buffers along, and is dropped. `ArrayBuffer.transfer` came with Node 22. */
function toNowhere(): (buffers: readonly ArrayBuffer[]) => void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return (buffers) => port1.postMessage(undefined, buffers as readonly TransferListItem[]);
}
