import type { LedgerLine } from './ledger-line.ts';

/** What a worker holds and does, as its ledger tells it. */
export class Holdings {
  /** Its shards, with the tenures, and whether it has handled records of them in that tenure. */
  readonly #held = new Map<string, { readonly tenure: number; isHandling: boolean }>();
  #isReady = false;
  #isLeader = false;
  #gained = 0;

  /** Takes a line of the worker's ledger into account. */
  note(line: LedgerLine): void {
    if (line.type === 'ready') this.#isReady = true;
    if (line.type === 'records') {
      const held = this.#held.get(line.shardId);
      if (held !== undefined) held.isHandling = true;
    }
    if (line.type !== 'event') return;
    const { event } = line;
    switch (event.type) {
      case 'lease.gained':
        this.#gained += 1;
        this.#held.set(event.leaseKey, { tenure: event.tenure, isHandling: false });
        return;
      case 'lease.lost':
      case 'lease.released':
        if (this.#held.get(event.leaseKey)?.tenure === event.tenure) this.#held.delete(event.leaseKey);
        return;
      case 'leader.elected':
        this.#isLeader = true;
        return;
      case 'leader.lost':
        this.#isLeader = false;
        return;
      default:
        return;
    }
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** How many leases it has been given so far, one that came again counted again. */
  get gained(): number {
    return this.#gained;
  }

  /** The shards that it holds. */
  get shards(): readonly string[] {
    return [...this.#held.keys()].sort();
  }

  /** Whether it has handled records of a shard since it holds it. */
  isHandling(shardId: string): boolean {
    return this.#held.get(shardId)?.isHandling === true;
  }
}
