import type { StateGroupView, StateMove, StateView } from '../../app/admin.ts';
import { type Canvas, type Cell, table } from './table.ts';

/** What was committed as a table, with what is wrong below it. */
export function groupsTable({ scope, groups }: StateView, canvas: Canvas): string {
  if (groups.length === 0) return 'no state yet: nothing was committed\n';
  const rows = groups.map((group): Cell[] => [
    group.group,
    String(group.batchId),
    timeOf(group),
    String(group.lineage),
    String(group.versions.length),
    group.fault === undefined ? { text: 'whole', tone: 'good' } : { text: group.fault.code, tone: 'bad' },
    operatorsOf(group),
    group.location ?? '',
  ]);
  const columns = [
    { title: 'group', canShrink: true },
    { title: 'batch', align: 'right' as const },
    { title: 'of' },
    { title: 'lineage', align: 'right' as const },
    { title: 'versions', align: 'right' as const },
    { title: 'state' },
    { title: 'operators', canShrink: true },
    { title: 'place', canShrink: true },
  ];
  const faults = groups.flatMap(({ group, fault }) => (fault === undefined ? [] : [`${group}: ${fault.message}\n`]));
  return `${table(columns, rows, canvas)}${groups.length} groups in ${scope ?? 'no'} scope\n${faults.join('')}${gapsOf(groups)}`;
}

/** The operators of the last version, each with the version of its values' shape where that is not 0. */
function operatorsOf({ versions }: StateGroupView): string {
  const shapes = Object.entries(versions.at(-1)?.shapeVersions ?? {});
  return shapes.map(([operator, version]) => (version === 0 ? operator : `${operator} v${version}`)).join(', ');
}

function gapsOf(groups: readonly StateGroupView[]): string {
  const lines = groups.flatMap(({ group, versions }) =>
    (versions.at(-1)?.gaps ?? []).map(({ shardId, after, batchTimeMillis }) => {
      const at = new Date(batchTimeMillis).toISOString();
      return `${group}: records of ${shardId} after ${after} were lost to retention before ${at}\n`;
    }),
  );
  return lines.join('');
}

function timeOf({ versions }: StateGroupView): string {
  const last = versions.at(-1);
  return last === undefined ? '' : new Date(last.batchTimeMillis).toISOString();
}

/** What a change does to each group, or would do, as a table. */
export function stateMovesTable(moves: readonly StateMove[], canvas: Canvas): string {
  if (moves.length === 0) return 'nothing to move\n';
  const rows = moves.map(({ group, fromBatchId, stateOfBatchId, shards, evicted, applied }): Cell[] => [
    group,
    String(fromBatchId),
    stateOfBatchId === undefined ? 'none' : `of batch ${stateOfBatchId}`,
    shards.length === 0 ? 'as they are' : shards.map(({ shardId, to }) => `${shardId} to ${to}`).join(', '),
    evicted ?? { text: '-', tone: 'faint' },
    applied ? { text: 'done', tone: 'good' } : 'planned',
  ]);
  const columns = [
    { title: 'group', canShrink: true },
    { title: 'batch', align: 'right' as const },
    { title: 'state' },
    { title: 'positions', canShrink: true },
    { title: 'taken from', canShrink: true },
    { title: 'change' },
  ];
  return table(columns, rows, canvas);
}
