import type { KinesisRecord } from '../../../lib/index.ts';
import { hashKeyOf, maxHashKey } from '../../../lib/testkit/hash-key.ts';
import type { HandledRecord } from './ledger-line.ts';

/** Into how many parts the hash space is cut, each of which gets the same number of keys. */
const hashParts = 32n;

/** The parts in the order of their mirrored bits: any few that follow each other lie far apart. */
const partOrder = Array.from({ length: Number(hashParts) }, (_, index) =>
  [0, 1, 2, 3, 4].reduce((sum, bit) => sum | (((index >> bit) & 1) << (4 - bit)), 0),
);

/**
 * Partition keys that lie evenly in the hash space, so that every shard gets its part of a load, children of a split
 * included. Keys that follow each other belong to parts far apart, so that a few of them reach every shard.
 */
export function evenKeys(keysPerPart: number): readonly string[] {
  const parts = Array.from({ length: Number(hashParts) }, (): string[] => []);
  const size = (maxHashKey + 1n) / hashParts;
  for (let made = 0, lacking = parts.length; lacking > 0; made += 1) {
    const key = `key-${made}`;
    const part = parts[Number(hashKeyOf(key) / size)];
    if (part === undefined || part.length === keysPerPart) continue;
    part.push(key);
    if (part.length === keysPerPart) lacking -= 1;
  }
  return Array.from({ length: keysPerPart }, (_, row) => partOrder.flatMap((part) => parts[part]?.[row] ?? [])).flat();
}

/** The data of the `number`th record of a key. */
export function recordText(key: string, number: number, mark = ''): string {
  return `${key} ${number}${mark === '' ? '' : ` ${mark}`}`;
}

/** What the data of a record say. */
export function recordOf(record: KinesisRecord): HandledRecord {
  const [key = '', number = ''] = record.text().split(' ');
  const { sequenceNumber, subSequenceNumber } = record;
  return { sequenceNumber, subSequenceNumber, key, number: Number(number) };
}
