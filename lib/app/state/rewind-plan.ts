import { MillraceError } from '../../base/error.ts';
import { SHARD_END, comparePositions } from '../../base/position.ts';
import type { Version } from '../../engine/commit/version-list.ts';
import type { Lease } from '../../lease/lease.ts';
import { type GroupView, lastOf, versionAfter } from './group-view.ts';

/** To which of its versions a group goes back. */
export type RewindTarget =
  /** The version of that batch; of one group. */
  | { readonly batchId: number }
  /** So many versions before the last one that can be read. */
  | { readonly versionsBack: number }
  /** The newest version of that batch time or before it. */
  | Date;

/** What becomes of one group. */
export type RewindStep =
  | { readonly action: 'keep'; readonly view: GroupView }
  | { readonly action: 'move'; readonly view: GroupView; readonly version: Version }
  /** The shard had not begun then: it begins anew, with what its parents will have left. */
  | { readonly action: 'reset'; readonly view: GroupView };

/**
 * What a rewind does to each group, parents before children; pure. A shard that ended after the time that is gone back to
 * is read on there, and its children begin anew.
 * @throws MillraceError `MR_CONFIG_INVALID` where a group has no such version, naming those that it has
 */
export function planRewind(views: readonly GroupView[], target: RewindTarget): readonly RewindStep[] {
  checkTarget(views, target);
  const reopened = new Set<string>();
  const steps: RewindStep[] = [];
  for (const view of parentsFirst(views)) {
    const step = stepOf(view, target, reopened);
    steps.push(step);
    if (view.row.scope !== 'shard') continue;
    const isReopened =
      step.action === 'reset' || (step.action === 'move' && isEnd(lastOf(view)) && !isEnd(step.version));
    if (isReopened) reopened.add(view.row.lease.leaseKey);
  }
  return steps;
}

function stepOf(view: GroupView, target: RewindTarget, reopened: ReadonlySet<string>): RewindStep {
  const { row, versions } = view;
  if (row.scope === 'shard' && row.lease.parentShardIds.some((parent) => reopened.has(parent))) {
    return { action: 'reset', view };
  }
  // Some versions back of what is read now; what has ended stays so.
  if ('versionsBack' in target && isEnd(lastOf(view))) return { action: 'keep', view };
  const version = versionAt(view, target);
  if (version !== undefined)
    return version === lastOf(view) ? { action: 'keep', view } : { action: 'move', view, version };
  const first = versions[0]?.manifest;
  const isWhole = first !== undefined && first.follows === undefined;
  if (target instanceof Date && isWhole && row.scope === 'shard' && row.lease.parentShardIds.length > 0) {
    return { action: 'reset', view };
  }
  throw noVersion(view, target);
}

function versionAt(view: GroupView, target: RewindTarget): Version | undefined {
  const { versions, fault } = view;
  if (target instanceof Date) {
    return versions.findLast(({ manifest }) => manifest.batchTimeMillis <= target.getTime());
  }
  if ('batchId' in target) return versionAfter(view, target.batchId);
  // Where the last version cannot be read, the newest of the others is the first step back.
  return versions.at(-target.versionsBack - (fault === undefined ? 1 : 0));
}

function isEnd(version: Version | undefined): boolean {
  return version?.manifest.shards.every(({ position }) => comparePositions(position, SHARD_END) === 0) === true;
}

function parentsFirst(views: readonly GroupView[]): readonly GroupView[] {
  const byShard = new Map(views.flatMap((view) => (view.row.scope === 'shard' ? [[keyOf(view.row.lease), view]] : [])));
  const ordered = new Set<GroupView>();
  const visit = (view: GroupView): void => {
    if (ordered.has(view)) return;
    for (const parent of view.row.scope === 'shard' ? view.row.lease.parentShardIds : []) {
      const known = byShard.get(parent);
      if (known !== undefined) visit(known);
    }
    ordered.add(view);
  };
  for (const view of views) visit(view);
  return [...ordered];
}

const keyOf = ({ leaseKey }: Lease): string => leaseKey;

function checkTarget(views: readonly GroupView[], target: RewindTarget): void {
  if (target instanceof Date) {
    if (!Number.isFinite(target.getTime())) throw invalid('to is an invalid Date: give one that is a time');
    return;
  }
  const [name, value] = 'batchId' in target ? ['batchId', target.batchId] : ['versionsBack', target.versionsBack];
  if (!Number.isSafeInteger(value) || value < 1) throw invalid(`to.${name} is ${value}: give a whole number from 1`);
  if (name === 'batchId' && views.length > 1) {
    throw invalid(
      `to.batchId is of one group, and there are ${views.length}: name one shard in shards, or give a Date or { versionsBack }`,
    );
  }
}

/** A version that was chosen, and is not kept any more: the group has committed meanwhile. */
export function notKept({ manifest }: Version, { group, versions }: GroupView): MillraceError {
  const kept = versions.map((version) => version.manifest.batchId).join(', ');
  return invalid(
    `${group} has committed while it was taken back, and keeps the versions ${kept} now, not ${manifest.batchId}: rewind again; more are kept with a greater retainedVersions`,
  );
}

function noVersion({ group, versions }: GroupView, target: RewindTarget): MillraceError {
  const asked = target instanceof Date ? target.toISOString() : JSON.stringify(target);
  const kept = versions.map(
    ({ manifest }) => `${manifest.batchId} of ${new Date(manifest.batchTimeMillis).toISOString()}`,
  );
  const has = kept.length === 0 ? 'no version that can be read' : `the versions ${kept.join(', ')}`;
  return invalid(`${group} cannot go back to ${asked}: it has ${has}; more are kept with a greater retainedVersions`);
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'to' } });
}
