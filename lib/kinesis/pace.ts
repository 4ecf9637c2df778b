/** How fast one shard may be read. Kinesis gives 5 reads and 2 MB a second per shard, shared by all its readers. */
export interface PaceLimits {
  /** Reads a second: 4, which leaves one of five to others. */
  readonly maxReadsPerSecond: number;
  /** Bytes a second: 2,000,000. */
  readonly maxBytesPerSecond: number;
  /** From the start of a read that found the tip to the next read: 1,000 ms, as in KCL. */
  readonly idleMillis: number;
  /**
   * KCL's `millisBehindLatestThresholdForReducedTps`: a shard that is less far behind is read only so often, ms. 0 is never.
   */
  readonly reducedTpsMillis: number;
  /** How long both rates are halved after throttling: 10,000 ms. */
  readonly halvedForMillis: number;
}

/** The defaults of {@link PaceLimits}. */
export const defaultPaceLimits: PaceLimits = {
  maxReadsPerSecond: 4,
  maxBytesPerSecond: 2_000_000,
  idleMillis: 1_000,
  reducedTpsMillis: 0,
  halvedForMillis: 10_000,
};

/** The pace of one shard: monotonic times before which it is not read, and until which its rates are halved. */
export interface Pace {
  readonly notBeforeMillis: number;
  readonly halvedUntilMillis: number;
}

/** The pace of a shard that has not been read. */
export const initialPace: Pace = { notBeforeMillis: -Infinity, halvedUntilMillis: -Infinity };

/** A read that was answered. */
export interface PacedRead {
  readonly startedAtMillis: number;
  readonly bytes: number;
  /** Whether it reached the tip of the shard. */
  readonly caughtUp: boolean;
  /** How far the last record of the answer is behind the tip; absent when nothing was answered. */
  readonly millisBehindLatest?: number;
}

/** The pace after a read: back to back within the rates while behind, at leisure at the tip. */
export function afterRead(pace: Pace, limits: PaceLimits, read: PacedRead): Pace {
  const share = read.startedAtMillis < pace.halvedUntilMillis ? 0.5 : 1;
  const gapMillis = 1_000 / (limits.maxReadsPerSecond * share);
  const transferMillis = (read.bytes * 1_000) / (limits.maxBytesPerSecond * share);
  const idleMillis = read.caughtUp ? limits.idleMillis : 0;
  const isNear = read.millisBehindLatest !== undefined && read.millisBehindLatest < limits.reducedTpsMillis;
  const reducedMillis = isNear ? limits.reducedTpsMillis : 0;
  const waitMillis = Math.max(gapMillis, transferMillis, idleMillis, reducedMillis);
  return { ...pace, notBeforeMillis: read.startedAtMillis + waitMillis };
}

/** The pace after a read was throttled. The wait for that read itself is the caller's backoff. */
export function afterThrottling(pace: Pace, limits: PaceLimits, nowMillis: number): Pace {
  return { ...pace, halvedUntilMillis: nowMillis + limits.halvedForMillis };
}
