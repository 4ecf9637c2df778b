import type { RenewExtras } from './lease-write.ts';

/** KCL's smoothing of a lease's throughput (kcl.md 2.6). */
const alpha = 0.5;

/**
 * Measures the load of one lease as KCL does: bytes handed out between two heartbeats, in KB a second, smoothed. It is
 * what the leader balances by when workers report no CPU figures.
 */
export class LeaseThroughput {
  #bytes = 0;
  #sinceMillis: number;
  #kiloBytesPerSecond: number | undefined;

  constructor(nowMillis: number) {
    this.#sinceMillis = nowMillis;
  }

  /** Bytes that were handed out. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Closes the window and gives what a heartbeat writes; nothing before time has passed. */
  take(nowMillis: number): RenewExtras {
    const seconds = (nowMillis - this.#sinceMillis) / 1_000;
    if (seconds > 0) {
      const measured = this.#bytes / 1_024 / seconds;
      const before = this.#kiloBytesPerSecond;
      this.#kiloBytesPerSecond = before === undefined ? measured : alpha * measured + (1 - alpha) * before;
      this.#bytes = 0;
      this.#sinceMillis = nowMillis;
    }
    if (this.#kiloBytesPerSecond === undefined) return {};
    return { throughputKBps: Math.round(this.#kiloBytesPerSecond * 1e6) / 1e6 };
  }
}
