import type { EpochRow } from '../../engine/commit/epoch-table.ts';
import { type Pointer, parsePointer } from '../../engine/commit/pointer.ts';
import { applicationGroup } from '../../engine/scope.ts';
import type { Lease } from '../../lease/lease.ts';
import type { StateTables } from './state-tables.ts';

/** A row that holds the pointer of a commit group. */
export type StateRow = {
  /** The name of the group; where no version tells it, the shard's. */
  readonly group: string;
  /** The row for people. */
  readonly where: string;
  /** The text of the pointer. */
  readonly text: string;
} & ({ readonly scope: 'application'; readonly row: EpochRow } | { readonly scope: 'shard'; readonly lease: Lease });

/** All rows with a pointer, in order of shard; read at once, so that they belong together as far as rows can. */
export async function readStateRows(
  tables: StateTables,
  applicationName: string,
  signal: AbortSignal,
): Promise<readonly StateRow[]> {
  const [row, leases] = await Promise.all([tables.epochRow(signal), tables.leases(signal)]);
  const found: StateRow[] = [];
  if (row?.pointer !== undefined) {
    const where = `the row of application ${applicationName}`;
    found.push({ scope: 'application', group: applicationGroup, where, text: row.pointer, row });
  }
  for (const lease of leases.toSorted((a, b) => (a.leaseKey < b.leaseKey ? -1 : 1))) {
    const { leaseKey, engineState } = lease;
    if (engineState === undefined) continue;
    found.push({ scope: 'shard', group: leaseKey, where: `lease ${leaseKey}`, text: engineState, lease });
  }
  return found;
}

/** The pointer of a row, or the fault of reading it. */
export type ReadPointer =
  | { readonly tag: 'pointer'; readonly pointer: Pointer }
  | { readonly tag: 'fault'; readonly thrown: unknown };

/** Reads the text of a row without throwing. */
export function pointerOf({ text, where }: Pick<StateRow, 'text' | 'where'>): ReadPointer {
  try {
    return { tag: 'pointer', pointer: parsePointer(text, where) };
  } catch (thrown) {
    return { tag: 'fault', thrown };
  }
}

/** Whether the state of a row went to the other scope: then it is only kept for whoever still looks there. */
export function isMoved(row: StateRow): boolean {
  const read = pointerOf(row);
  return read.tag === 'pointer' && read.pointer.movedTo !== undefined;
}
