import type { Lease } from '../lease.ts';

/**
 * Over which time the leader smooths the throughput of a lease: KCL balances once a minute, Millrace every few seconds, and
 * would otherwise follow every gust.
 */
const timeConstantMillis = 30_000;

interface Remembered {
  readonly kiloBytesPerSecond: number;
  readonly atMillis: number;
}

/**
 * Smooths the throughput of leases from scan to scan. A row tells of the last few seconds only, and after a move of the
 * time in which the next owner had hardly begun. Without this, leases of a steady stream move for ever:
 *
 *   1. by chance A's shards carry 12 % more than B's for three seconds: a lease goes to B
 *   2. B begins it; its first heartbeat speaks of half a second of reading, so B looks idle: another lease goes to B
 *   3. now B is the loaded one, and both come back
 */
export class ThroughputMemory {
  #remembered = new Map<string, Remembered>();

  /** Notes the leases of one scan and gives them with their smoothed throughput; forgets those that are gone. */
  observe<T extends Lease>(leases: readonly T[], nowMillis: number): readonly T[] {
    const next = new Map<string, Remembered>();
    const smoothed = leases.map((lease) => {
      const { throughputKBps } = lease;
      if (throughputKBps === undefined || !Number.isFinite(throughputKBps)) return lease;
      const remembered = follow(this.#remembered.get(lease.leaseKey), throughputKBps, nowMillis);
      next.set(lease.leaseKey, remembered);
      return { ...lease, throughputKBps: remembered.kiloBytesPerSecond };
    });
    this.#remembered = next;
    return smoothed;
  }
}

function follow(before: Remembered | undefined, now: number, nowMillis: number): Remembered {
  if (before === undefined) return { kiloBytesPerSecond: now, atMillis: nowMillis };
  const kept = Math.exp(-(nowMillis - before.atMillis) / timeConstantMillis);
  return { kiloBytesPerSecond: before.kiloBytesPerSecond * kept + now * (1 - kept), atMillis: nowMillis };
}
