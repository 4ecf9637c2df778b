import { type Lease, isEnded, isUnread } from '../lease.ts';

/**
 * Which leases may be deleted (kcl.md 2.13): ended ones whose children all have a lease, and have all been read past their
 * initial position, and whose own parents' leases are gone. A lease that names no children is kept, because nobody can tell
 * whether they were made. In this order parents go before their children, one generation at a time.
 */
export function planCleanup(leases: readonly Lease[]): readonly Lease[] {
  const byKey = new Map(leases.map((lease) => [lease.leaseKey, lease]));
  return leases.filter((lease) => {
    if (!isEnded(lease) || lease.childShardIds.length === 0) return false;
    if (lease.parentShardIds.some((parent) => byKey.has(parent))) return false;
    return lease.childShardIds.every((child) => {
      const row = byKey.get(child);
      return row !== undefined && (!isUnread(row) || row.checkpoint.kind === 'LATEST');
    });
  });
}
