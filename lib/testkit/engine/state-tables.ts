import type { StateTables } from '../../app/state/state-tables.ts';
import type { EpochTable } from '../../engine/commit/epoch-table.ts';
import type { LeaseTable } from '../../lease/lease-table.ts';

/** The rows of an application as whoever works on its state sees them: the two tables, as somebody reaches them. */
export function stateTablesOf(table: LeaseTable, epochs: EpochTable): StateTables {
  return {
    epochRow: (signal) => epochs.read(signal),
    leases: async (signal) => (await table.scan(signal, 'consistent')).leases,
    lease: (leaseKey, signal) => table.get(leaseKey, signal),
    writeEpoch: (row, seen, signal) => epochs.write(row, seen, signal),
    writeLease: (write, signal) => table.write(write, signal),
    createLease: (lease, signal) => table.createIfAbsent(lease, signal),
    open: (_scope, signal) => epochs.open(signal),
    identityOf: async (scope) => scope,
  };
}
