import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { LeaderLock, Lease, WorkerRow } from '../lease/lease.ts';
import type { LeaseTable, LockCondition, TableSnapshot } from '../lease/lease-table.ts';
import type { LeaseWrite } from '../lease/lease-write.ts';
import type { FakeLeaseTable, LeaseTableCall } from './fake-lease-table.ts';
import { between, chance } from './fork-random.ts';
import type { TableHistory } from './table-history.ts';
import type { Wire } from './wire.ts';

/** Faults of what the table shows. */
export type ReadFault = 'noIndex' | 'staleIndex' | 'staleScan' | 'staleLock' | 'tornScan';

/** How likely each is, 0 to 1, and how far the past goes back. */
export interface ReadOdds {
  /** The owner index is still being built. */
  readonly noIndex: number;
  /** The owner index shows the past, up to `maxLagMillis`. */
  readonly staleIndex: number;
  /** A scan that is not asked to be consistent shows the past, up to `maxLagMillis`. */
  readonly staleScan: number;
  /** So does a look at the leader's lock. */
  readonly staleLock: number;
  /** The pages of a scan are read at different times. */
  readonly tornScan: number;
  readonly maxLagMillis: number;
}

/** A table that shows what is. */
export const calmReads: ReadOdds = {
  noIndex: 0,
  staleIndex: 0,
  staleScan: 0,
  staleLock: 0,
  tornScan: 0,
  maxLagMillis: 0,
};

/** What a {@link TableView} is made with. */
export interface TableViewOptions {
  readonly table: FakeLeaseTable;
  readonly history: TableHistory;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each call that changes something, as it is sent. */
  readonly onAsk?: (call: LeaseTableCall) => void;
  /** Told before each call is performed, so that what it changes can be told from what others change. */
  readonly onPerform?: (operation: string) => void;
  readonly onFault?: (fault: ReadFault, operation: string) => void;
}

/** One worker's view of the lease table: through its own wire, and with the habits of DynamoDB's reads. */
export class TableView {
  readonly #options: TableViewOptions;
  odds: ReadOdds = calmReads;
  /** The port to give to the worker. */
  readonly port: LeaseTable;

  constructor(options: TableViewOptions) {
    this.#options = options;
    this.port = new Proxy(options.table, {
      get: (table, name) => {
        const method: unknown = Reflect.get(table, name);
        if (typeof method !== 'function' || typeof name !== 'string') return method;
        return (...args: unknown[]) => this.#call(name, args);
      },
    });
  }

  /** Passes any call of the port on; its own signal ends the waiting, not the call. */
  #call(name: string, args: readonly unknown[]): Promise<unknown> {
    const signal = args.find((arg) => arg instanceof AbortSignal) ?? neverAborted;
    const asked = changingCall(name, args);
    if (asked !== undefined && !signal.aborted) this.#options.onAsk?.(asked);
    const inner = args.map((arg) => (arg instanceof AbortSignal ? neverAborted : arg));
    return this.#options.wire.call(name, signal, () => {
      this.#options.onPerform?.(name);
      return this.#perform(name, inner);
    });
  }

  #perform(name: string, args: readonly unknown[]): Promise<unknown> {
    const { table, random, onFault } = this.#options;
    if (name === 'listKeysOwnedBy') {
      if (chance(random, this.odds.noIndex)) {
        onFault?.('noIndex', name);
        return Promise.resolve(undefined);
      }
      if (chance(random, this.odds.staleIndex)) return this.#staleIndex(String(args[0]));
    }
    if (name === 'readLock' && args.includes('eventual') && chance(random, this.odds.staleLock)) {
      onFault?.('staleLock', name);
      return Promise.resolve(this.#options.history.lockAsOf(this.#lag()));
    }
    if (name === 'scan') {
      const isEventual = args.includes('eventual');
      if (isEventual && chance(random, this.odds.staleScan)) return this.#staleScan();
      if (chance(random, this.odds.tornScan)) return this.#tornScan();
    }
    const method = Reflect.get(table, name) as (...args: readonly unknown[]) => Promise<unknown>;
    return method.apply(table, args as unknown[]);
  }

  #staleIndex(workerIdentifier: string): Promise<readonly string[]> {
    const { history, onFault } = this.#options;
    onFault?.('staleIndex', 'listKeysOwnedBy');
    const { leases } = history.asOf(this.#lag());
    const keys = leases.filter((lease) => lease.leaseOwner === workerIdentifier).map((lease) => lease.leaseKey);
    return Promise.resolve(keys);
  }

  #staleScan(): Promise<TableSnapshot> {
    this.#options.onFault?.('staleScan', 'scan');
    return Promise.resolve(this.#options.history.asOf(this.#lag()));
  }

  /** One half of the rows now, the other half a little later. */
  async #tornScan(): Promise<TableSnapshot> {
    const { table, clock, random, onFault } = this.#options;
    onFault?.('tornScan', 'scan');
    const isFirst = (key: string) => (key.charCodeAt(key.length - 1) + key.length) % 2 === 0;
    const first = await table.scan(neverAborted);
    await sleep(clock, between(random, 1, 300));
    const second = await table.scan(neverAborted);
    return {
      ...second,
      leases: [
        ...first.leases.filter((row) => isFirst(row.leaseKey)),
        ...second.leases.filter((row) => !isFirst(row.leaseKey)),
      ],
      workers: [
        ...first.workers.filter((row) => isFirst(row.workerIdentifier)),
        ...second.workers.filter((row) => !isFirst(row.workerIdentifier)),
      ],
    };
  }

  #lag(): number {
    return this.odds.maxLagMillis * this.#options.random.next();
  }
}

/** The call as data, when it is one that changes the table. */
function changingCall(name: string, args: readonly unknown[]): LeaseTableCall | undefined {
  switch (name) {
    case 'write':
      return { name, write: args[0] as LeaseWrite };
    case 'writeLock':
      return { name, lock: args[0] as LeaderLock, condition: args[1] as LockCondition };
    case 'deleteLock':
      return { name, lock: args[0] as LeaderLock };
    case 'createIfAbsent':
    case 'deleteEnded':
      return { name, lease: args[0] as Lease };
    case 'deleteWorker':
      return { name, key: (args[0] as WorkerRow).workerIdentifier };
    default:
      return undefined;
  }
}

const neverAborted = new AbortController().signal;
