import type { Clock } from '../base/clock.ts';
import { allDone } from './all-done.ts';
import { requestDeadline } from './holding.ts';
import type { Lease } from './lease.ts';
import type { Keeper } from './keeper.ts';
import type { LeaseTable } from './lease-table.ts';
import type { StreamIdentity } from './plan/shard-sync-plan.ts';
import { checkStream } from './stream-check.ts';

/** What a {@link Discoverer} needs. */
export interface DiscovererOptions {
  readonly table: LeaseTable;
  readonly keeper: Keeper;
  readonly stream: StreamIdentity;
  readonly workerIdentifier: string;
  readonly failoverTimeMillis: number;
  readonly clock: Clock;
  /** A tenure has begun: read from the checkpoint of this row. */
  readonly onGained: (lease: Lease) => void;
}

/**
 * Finds the leases that the table gives to this worker and begins their tenures. It asks the owner index, which costs next to
 * nothing; where the index is still being built, or lags so far behind that it lacks leases that this worker holds, it reads
 * the table itself, consistently. Leases in the middle of a handoff are left to their old owner.
 */
export class Discoverer {
  readonly #options: DiscovererOptions;

  constructor(options: DiscovererOptions) {
    this.#options = options;
  }

  /** One look. */
  async look(signal: AbortSignal): Promise<void> {
    await this.#beginAll(await this.#ownKeys(signal), signal);
  }

  /** Begins what a scan of the leader's shows as this worker's; a row that has changed since is left alone. */
  async beginOwn(leases: readonly Lease[], signal: AbortSignal): Promise<void> {
    await this.#beginAll(this.#keysOf(leases), signal);
  }

  async #beginAll(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const held = new Set(this.#options.keeper.held.map((lease) => lease.leaseKey));
    await allDone(keys.filter((key) => !held.has(key)).map((key) => this.begin(key, signal)));
  }

  #keysOf(leases: readonly Lease[]): readonly string[] {
    const { workerIdentifier } = this.#options;
    return leases
      .filter((lease) => lease.leaseOwner === workerIdentifier && lease.checkpointOwner === undefined)
      .map((lease) => lease.leaseKey);
  }

  /** Begins the tenure of a lease that was just given to this worker; for a leader that gives one to itself. */
  async begin(leaseKey: string, signal: AbortSignal): Promise<void> {
    const { keeper, stream, onGained } = this.#options;
    const lease = await keeper.begin(leaseKey, signal);
    if (lease === undefined) return;
    checkStream([lease], stream);
    onGained(lease);
  }

  /**
   * Ends the handoffs in which a former process of this name was the old owner: nobody reads those leases, so the next
   * owner may begin. For the start of a worker, with the leases that it found.
   */
  async endFormerHandoffs(leases: readonly Lease[], signal: AbortSignal): Promise<void> {
    const former = leases.filter((lease) => lease.checkpointOwner === this.#options.workerIdentifier);
    await allDone(former.map((lease) => this.begin(lease.leaseKey, signal)));
  }

  async #ownKeys(signal: AbortSignal): Promise<readonly string[]> {
    const { table, keeper, workerIdentifier } = this.#options;
    const indexed = await this.#indexedKeys(signal);
    const known = new Set(indexed);
    const lacks = keeper.held.some((lease) => lease.leaseOwner === workerIdentifier && !known.has(lease.leaseKey));
    if (indexed !== undefined && !lacks) return indexed;
    const { leases } = await table.scan(signal, 'consistent');
    return this.#keysOf(leases);
  }

  async #indexedKeys(signal: AbortSignal): Promise<readonly string[] | undefined> {
    const { table, workerIdentifier, clock, failoverTimeMillis } = this.#options;
    using request = requestDeadline(clock, failoverTimeMillis, signal);
    return await table.listKeysOwnedBy(workerIdentifier, request.signal);
  }
}
