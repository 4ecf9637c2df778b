import { MillraceError } from '../../base/error.ts';
import { formatPointer } from '../../engine/commit/pointer.ts';
import type { VersionPlace } from '../../engine/commit/version-list.ts';
import { type GroupView, viewGroup } from './group-view.ts';
import type { StateWork } from './move-group.ts';
import { type StateRow, pointerOf } from './state-rows.ts';

/** What is brought elsewhere. */
export interface Migrating {
  readonly work: StateWork;
  readonly rows: readonly StateRow[];
  readonly dryRun: boolean;
}

/** A group as it is, also one that is marked as moved already; throws what keeps it from being read. */
export async function wholeView(row: StateRow, place: VersionPlace, signal: AbortSignal): Promise<GroupView> {
  const read = pointerOf(row);
  if (read.tag === 'fault') throw read.thrown;
  const { movedTo: _movedTo, ...held } = read.pointer;
  const view = await viewGroup({ ...row, text: formatPointer(held) }, place, signal);
  if (view.fault === undefined) return { ...view, row };
  const { code, message } = view.fault;
  throw new MillraceError('MR_CONFIG_INVALID', `${view.group} cannot be brought elsewhere: ${code}: ${message}`);
}

/** A request that cannot be done. */
export function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message);
}
