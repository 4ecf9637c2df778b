/**
 * Comparisons of four bytes at a time: the names and numbers around a record of 1 KB are a tenth of its bytes, and byte by
 * byte they would take as long as all the rest.
 */

/** A word to look for: four bytes at least. */
export interface Word {
  readonly length: number;
  /** Its bytes in groups of four; the last group overlaps the one before where the length is not a multiple. */
  readonly groups: Int32Array;
}

/** Prepares a word of ASCII letters. */
export function wordOf(text: string): Word {
  const bytes = Buffer.from(text, 'latin1');
  const groups = new Int32Array(Math.ceil(bytes.length / 4));
  for (let index = 0; index < groups.length; index += 1) {
    groups[index] = bytes.readInt32LE(Math.min(4 * index, bytes.length - 4));
  }
  return { length: bytes.length, groups };
}

/** Whether the word stands at `at`; all its bytes must be there. */
export function isWordAt(view: DataView, at: number, { length, groups }: Word): boolean {
  const last = groups.length - 1;
  for (let index = 0; index < last; index += 1) {
    if (view.getInt32(at + 4 * index, true) !== groups[index]) return false;
  }
  return view.getInt32(at + length - 4, true) === groups[last];
}

const highHalves = 0xf0f0f0f0 | 0;
const highHalvesOfDigits = 0x30303030;
/** Carries a low half above 9 into the high half. */
const sixes = 0x06060606;

/** Where the digits end that begin at `at`, or up to three before that: the rest is to be looked at one by one. */
export function digitGroupsEnd(view: DataView, at: number, end: number): number {
  let next = at;
  for (; next + 4 <= end; next += 4) {
    const group = view.getInt32(next, true);
    const isDigits =
      (group & highHalves) === highHalvesOfDigits && ((group + sixes) & highHalves) === highHalvesOfDigits;
    if (!isDigits) break;
  }
  return next;
}
