import type { Page } from '../kinesis/reader.ts';

/**
 * What a record keeps in memory beside bytes of its answer: its object, the one that knows its places in the answer, and the
 * view of its data, which is made when somebody looks. About 250 bytes in Node 20 to 24.
 */
export const recordOverheadBytes = 256;

/**
 * What a page keeps in memory: the answer that its records are views of, base64 text, keys and numbers included, which is
 * more than their data (1.4 times it for JSON of 1 KB records), and the records.
 */
export function heldBytesOf({ records, bytes, wireBytes = bytes }: Page): number {
  return Math.max(bytes, wireBytes) + recordOverheadBytes * records.length;
}

/** How many bytes of its answer a record of this page keeps for one of its data: the answer is shared out among them. */
export function heldPerByte({ bytes, wireBytes = bytes }: Page): number {
  return bytes === 0 ? 1 : Math.max(1, wireBytes / bytes);
}
