import type { ReadRecord } from './page.ts';

/** What is read: the same prepared page again and again, each time under other sequence numbers. */
export interface ReadTarget {
  readonly endpoint: string;
  readonly streamName: string;
  readonly shardId: string;
  /** At the first page. */
  readonly iterator: string;
  readonly consumerArn: string;
}

/** One way to read. */
export interface ReadVariant {
  /**
   * Reads so many pages, one after the other, and looks at every record as a handler would: its length and its first byte.
   * Answers with the number of records.
   */
  round(pages: number): Promise<number>;
  /** Reads the first page with all fields of all records; absent where nothing is decoded. */
  readonly readAll?: () => Promise<readonly ReadRecord[]>;
}

/** Makes a {@link ReadVariant} for a target. */
export type MakeReadVariant = (target: ReadTarget) => ReadVariant;

/** What every client of the bench signs with; nobody checks it. */
export const benchCredentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
/** The region of the bench. */
export const benchRegion = 'us-east-1';

/** Looks at one record's data: 1, unless it is empty. */
export function looked(data: Uint8Array): number {
  return data.length > 0 && (data[0] as number) >= 0 ? 1 : 0;
}

/** A round of GetRecords: each call begins where the one before it told. */
export async function followIterators(
  pages: number,
  first: string,
  read: (iterator: string) => Promise<{ readonly seen: number; readonly next: string }>,
): Promise<number> {
  let iterator = first;
  let seen = 0;
  for (let page = 0; page < pages; page += 1) {
    const answer = await read(iterator);
    seen += answer.seen;
    iterator = answer.next;
  }
  return seen;
}
