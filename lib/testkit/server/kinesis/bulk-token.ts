/** A place among the prepared records of a shard: the page, from 0, and the record in it. */
export interface BulkPlace {
  readonly page: number;
  readonly index: number;
}

/** 56 digits as Kinesis' own: a fixed beginning, the page, the index. */
const beginning = '49590338271490256608559692538361571095921';
/** Digits of the page in a sequence number. */
export const pageDigits = 9;
const indexDigits = 6;
/** Where the digits of the page stand in a sequence number. */
export const pageDigitsAt = beginning.length;
/** Beyond it the digits do not suffice. */
export const maxPages = 10 ** pageDigits - 1;
/** Records of one page. */
export const maxPageRecords = 10 ** indexDigits;

/** The sequence number of a place. */
export function sequenceNumberAt({ page, index }: BulkPlace): string {
  return beginning + String(page).padStart(pageDigits, '0') + String(index).padStart(indexDigits, '0');
}

/** The place of a sequence number; `undefined` for a number that no prepared record has. */
export function placeOfSequenceNumber(text: string): BulkPlace | undefined {
  if (text.length !== pageDigitsAt + pageDigits + indexDigits || !text.startsWith(beginning)) return undefined;
  const indexAt = pageDigitsAt + pageDigits;
  return { page: Number(text.slice(pageDigitsAt, indexAt)), index: Number(text.slice(indexAt)) };
}

const mark = 'bulk';

/** An iterator at a place. */
export function encodeBulkIterator(streamName: string, shardId: string, { page, index }: BulkPlace): string {
  // None of the parts has a colon.
  return `${mark}:${streamName}:${shardId}:${page}:${index}`;
}

/** The stream of an iterator made by {@link encodeBulkIterator}; `undefined` for all others. */
export function streamOfBulkIterator(iterator: string): string | undefined {
  return iterator.startsWith(`${mark}:`) ? iterator.split(':')[1] : undefined;
}

/** The shard and place of an iterator made by {@link encodeBulkIterator}. */
export function decodeBulkIterator(iterator: string): BulkPlace & { readonly shardId: string } {
  const [, , shardId = '', page, index] = iterator.split(':');
  return { shardId, page: Number(page), index: Number(index) };
}
