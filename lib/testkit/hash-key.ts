import { createHash } from 'node:crypto';

/** The greatest hash key: 2^128 - 1. */
export const maxHashKey = (1n << 128n) - 1n;

/** The place of a partition key in the hash space: its MD5 as an unsigned 128-bit integer, as Kinesis has it. */
export function hashKeyOf(partitionKey: string): bigint {
  return BigInt(`0x${createHash('md5').update(partitionKey, 'utf8').digest('hex')}`);
}

/** Cuts the hash space evenly, both ends inclusive, as CreateStream does. */
export function evenHashRanges(count: number): readonly { readonly start: bigint; readonly end: bigint }[] {
  const size = (maxHashKey + 1n) / BigInt(count);
  return Array.from({ length: count }, (_, index) => ({
    start: size * BigInt(index),
    end: index === count - 1 ? maxHashKey : size * BigInt(index + 1) - 1n,
  }));
}
