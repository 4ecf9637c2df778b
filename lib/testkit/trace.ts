/** What a {@link Trace} is made with. */
export interface TraceOptions {
  /** The time of the world, shown before each line. */
  readonly nowMillis: () => number;
  /** Lines that are kept for the tail: 400. */
  readonly keep?: number;
  /** Hears every line as it is written. */
  readonly onLine?: (line: string) => void;
}

/**
 * The history of a simulation as lines, with a hash over all of them: two runs that differ anywhere have different
 * hashes. Only the last lines are kept.
 */
export class Trace {
  readonly #options: TraceOptions;
  readonly #tail: string[] = [];
  #lines = 0;
  #isOpen = true;
  #high = 0x9e3779b9;
  #low = 0x85ebca6b;

  constructor(options: TraceOptions) {
    this.#options = options;
  }

  /** Lines written so far. */
  get length(): number {
    return this.#lines;
  }

  /** The last lines. */
  get tail(): readonly string[] {
    const keep = this.#options.keep ?? 400;
    return this.#tail.slice(-keep);
  }

  /** Hash over all lines, 16 hexadecimal digits. */
  get hash(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** Ends the trace: what is added later is not written. */
  close(): void {
    this.#isOpen = false;
  }

  /** Writes a line. */
  add(who: string, text: string): void {
    if (!this.#isOpen) return;
    const seconds = (this.#options.nowMillis() / 1_000).toFixed(3).padStart(9);
    const line = `${seconds} ${who.padEnd(6)} ${readable(text)}`;
    this.#lines += 1;
    this.#mix(line);
    this.#tail.push(line);
    // Cutting at twice the length keeps adding O(1).
    const keep = this.#options.keep ?? 400;
    if (this.#tail.length > 2 * keep) this.#tail.splice(0, keep);
    this.#options.onLine?.(line);
  }

  /** Two multiplicative hashes of 32 bits; quick, and good enough to tell two histories apart. */
  #mix(line: string): void {
    let high = this.#high;
    let low = this.#low;
    for (let index = 0; index < line.length; index += 1) {
      const code = line.charCodeAt(index);
      high = Math.imul(high ^ code, 0x9e3779b1);
      low = Math.imul(low ^ code, 0x5f356495);
      low = (low << 13) | (low >>> 19);
    }
    this.#high = high ^ (low >>> 16);
    this.#low = low ^ (high >>> 15);
  }
}

/** Shortens what repeats in every line: the zeros of a shard's name, and the head of a sequence number. */
function readable(text: string): string {
  return text.replaceAll(/shardId-0{1,11}/g, 'shard-').replaceAll(/\d{40,}/g, (digits) => `..${digits.slice(-10)}`);
}
