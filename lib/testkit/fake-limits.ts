/** Kinesis' limits of reading one shard, shared by all readers. */
const readsPerSecond = 5;
/** What one reader of a shard gets: all readers by GetRecords together, and each registered consumer. */
export const readBytesPerSecond = 2_000_000;
/** Kinesis' limits of writing one shard. */
const writeRecordsPerSecond = 1_000;
const writeBytesPerSecond = 1_048_576;

/**
 * A bucket that refills at a rate and holds one second of it. It may be overdrawn once: a read of 10 MB is answered, and
 * the next ones pay for it.
 */
export class Bucket {
  readonly #perSecond: number;
  #level: number;
  #atMillis = -Infinity;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#level = perSecond;
  }

  /** What is in it at a time (monotonic milliseconds); negative while it is overdrawn. */
  levelAt(nowMillis: number): number {
    const gained = ((nowMillis - this.#atMillis) / 1_000) * this.#perSecond;
    this.#level = Math.min(this.#perSecond, this.#level + gained);
    this.#atMillis = nowMillis;
    return this.#level;
  }

  /** Takes out, also more than there is. */
  take(amount: number): void {
    this.#level -= amount;
  }
}

/** The limits of one shard as a state over time (monotonic milliseconds). */
export class FakeShardLimits {
  #reads: number[] = [];
  readonly #readBytes = new Bucket(readBytesPerSecond);
  readonly #writeRecords = new Bucket(writeRecordsPerSecond);
  readonly #writeBytes = new Bucket(writeBytesPerSecond);

  /** Whether a read now is within the limits; counts it if so. A refused read counts for nothing. */
  admitRead(nowMillis: number): boolean {
    this.#reads = this.#reads.filter((atMillis) => atMillis > nowMillis - 1_000);
    if (this.#reads.length >= readsPerSecond || this.#readBytes.levelAt(nowMillis) <= 0) return false;
    this.#reads.push(nowMillis);
    return true;
  }

  /** Counts what an admitted read returned. */
  countReadBytes(bytes: number): void {
    this.#readBytes.take(bytes);
  }

  /** Whether a record may be written now; counts it if so. */
  admitWrite(nowMillis: number, bytes: number): boolean {
    // A record larger than a second's worth goes through when nothing was written for a second, and the next ones pay.
    const needed = Math.min(bytes, writeBytesPerSecond);
    if (this.#writeRecords.levelAt(nowMillis) < 1 || this.#writeBytes.levelAt(nowMillis) < needed) return false;
    this.#writeRecords.take(1);
    this.#writeBytes.take(bytes);
    return true;
  }
}
