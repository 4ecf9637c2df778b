import { describe, expect, it } from 'vitest';
import type { GroupView } from '../../../lib/app/state/group-view.ts';
import { type RewindTarget, planRewind } from '../../../lib/app/state/rewind-plan.ts';
import { type Position, SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import type { Version } from '../../../lib/engine/commit/version-list.ts';
import type { Lease } from '../../../lib/lease/lease.ts';

/** A version of a shard: batch 3 has the time 3,000. */
function version(shardId: string, batchId: number, position: Position): Version {
  const name = `${shardId}/${batchId}`;
  const follows = batchId === 1 ? {} : { follows: { name: `${shardId}/${batchId - 1}`, checksum: 'x' } };
  const manifest = {
    application: 'app',
    group: shardId,
    scope: 'shard' as const,
    batchId,
    batchTimeMillis: batchId * 1_000,
    zeroTimeMillis: 0,
    fence: { kind: 'tenure' as const, number: 1 },
    lineage: 0,
    shards: [{ shardId, streamName: 'lines', position }],
    ...follows,
  };
  return { name, checksum: 'x', manifest };
}

/** A shard with versions of some batches, the last of which may be its end. */
function view(
  shardId: string,
  parentShardIds: readonly string[],
  batchIds: readonly number[],
  isEnded = false,
): GroupView {
  const lease: Lease = {
    leaseKey: shardId,
    leaseCounter: 1,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint: isEnded ? SHARD_END : TRIM_HORIZON,
    parentShardIds,
    childShardIds: [],
  };
  const last = batchIds.at(-1);
  const versions = batchIds.map((batchId) =>
    version(shardId, batchId, isEnded && batchId === last ? SHARD_END : positionOf(BigInt(batchId))),
  );
  const pointer = { batchId: last ?? 0, manifest: `${shardId}/${last}`, checksum: 'x', store: 's', lineage: 0 };
  return {
    row: { scope: 'shard', group: shardId, where: shardId, text: '', lease },
    group: shardId,
    pointer,
    versions,
  };
}

const told = (views: readonly GroupView[], target: RewindTarget) =>
  planRewind(views, target).map((step) =>
    step.action === 'move'
      ? `${step.view.group} to ${step.version.manifest.batchId}`
      : `${step.view.group} ${step.action}`,
  );

// The parent ended with batch 4; its children began with batches 5 and 6, and the second has ended, too.
const parent = view('parent', [], [2, 3, 4], true);
const child = view('child', ['parent'], [5, 6]);
const other = view('other', ['parent'], [5, 6], true);
const grandchild = view('grandchild', ['other'], [7, 8]);
const family = [grandchild, other, child, parent];

describe('what a rewind does to shards that descend from each other', () => {
  it('has a parent read on, and all that descends from it begin anew, parents before children', () => {
    expect(told(family, new Date(3_500))).toEqual(['parent to 3', 'other reset', 'grandchild reset', 'child reset']);
  });

  it('leaves a parent at its end that had ended by then, and the shards that come after it where they were', () => {
    expect(told([child, parent], new Date(5_500))).toEqual(['parent keep', 'child to 5']);
  });

  it('has a child begin anew that had not begun then, though its parent stays at its end', () => {
    const first = { ...child, versions: [version('child', 1, positionOf(1n))].map((one) => timed(one, 5_000)) };
    expect(told([first, parent], new Date(4_500))).toEqual(['parent keep', 'child reset']);
  });

  it('takes back some versions of what is read now alone: what has ended stays so', () => {
    expect(told(family, { versionsBack: 1 })).toEqual(['parent keep', 'other keep', 'grandchild to 7', 'child to 5']);
  });

  it('opens an ended shard again when its batch is named', () => {
    expect(told([parent], { batchId: 3 })).toEqual(['parent to 3']);
    expect(() => planRewind(family, { batchId: 3 })).toThrow('to.batchId is of one group, and there are 4');
  });

  it('is refused where a shard has no such version, naming those that it has', () => {
    expect(() => planRewind([child], { versionsBack: 2 })).toThrow(
      'child cannot go back to {"versionsBack":2}: it has the versions 5 of 1970-01-01T00:00:05.000Z, 6 of',
    );
    // It may have had earlier ones, which are not kept: to begin anew would count again what they hold.
    expect(() => planRewind([child], new Date(4_500))).toThrow('child cannot go back to 1970-01-01T00:00:04.500Z');
  });

  it('goes back from a version that is damaged to the one before it', () => {
    const fault = { code: 'MR_STATE_DAMAGED', message: 'half of it', reaction: 'fatal' } as const;
    expect(told([{ ...child, versions: child.versions.slice(0, 1), fault }], { versionsBack: 1 })).toEqual([
      'child to 5',
    ]);
  });
});

function timed(one: Version, batchTimeMillis: number): Version {
  return { ...one, manifest: { ...one.manifest, batchTimeMillis } };
}
