import { MessageChannel, type TransferListItem } from 'node:worker_threads';

let nowhere: ((buffers: readonly ArrayBuffer[]) => void) | undefined;

/**
 * Frees the memory of buffers at once.
 */
export function freeBytes(pieces: readonly Uint8Array[]): void {
  const buffers: ArrayBuffer[] = [];
  for (const { buffer, byteLength } of pieces) {
    if (byteLength > 0 && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffers.push(buffer);
  }
  nowhere ??= toNowhere();
  nowhere(buffers);
}

function toNowhere(): (buffers: readonly ArrayBuffer[]) => void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return (buffers) => {
    port1.postMessage(undefined, buffers as readonly TransferListItem[]);
  };
}
