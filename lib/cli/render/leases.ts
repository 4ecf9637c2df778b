import type { LeaseView } from '../../app/admin.ts';
import { type Canvas, type Cell, table } from './table.ts';

/** The leases of an application as a table. */
export function leasesTable(leases: readonly LeaseView[], canvas: Canvas): string {
  if (leases.length === 0) return 'no leases yet: the table is empty\n';
  const rows = leases.map(({ shardId, leaseOwner, handoffTo, checkpoint, leaseCounter, hasState }): Cell[] => [
    shardId,
    leaseOwner ?? { text: '-', tone: 'faint' },
    handoffTo ?? '',
    String(leaseCounter),
    hasState ? 'yes' : '',
    checkpoint,
  ]);
  const columns = [
    { title: 'shard', canShrink: true },
    { title: 'owner', canShrink: true },
    { title: 'handed to', canShrink: true },
    { title: 'counter', align: 'right' as const },
    { title: 'state' },
    { title: 'checkpoint', canShrink: true },
  ];
  return `${table(columns, rows, canvas)}${summaryOf(leases)}\n`;
}

function summaryOf(leases: readonly LeaseView[]): string {
  const owners = new Set(leases.flatMap(({ leaseOwner }) => (leaseOwner === undefined ? [] : [leaseOwner])));
  const ended = leases.filter(({ isEnded }) => isEnded).length;
  const free = leases.filter(({ leaseOwner, isEnded }) => leaseOwner === undefined && !isEnded).length;
  return `${leases.length} leases, ${ended} ended, ${free} without an owner, ${owners.size} workers`;
}
