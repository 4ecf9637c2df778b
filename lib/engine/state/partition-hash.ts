import { createHash } from 'node:crypto';

/** A part of the hash space, both ends inclusive. */
export interface HashRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The place of a partition key in the hash space: its MD5 as an unsigned 128-bit integer (Kinesis PutRecord). Records
 * put with an explicit hash key lie elsewhere; their keys do not tell where.
 */
export function partitionHash(partitionKey: string): bigint {
  return BigInt(`0x${createHash('md5').update(partitionKey, 'utf8').digest('hex')}`);
}
