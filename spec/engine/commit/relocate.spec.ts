import { describe, expect, it } from 'vitest';
import type { BatchIds, Manifest } from '../../../lib/engine/commit/manifest.ts';
import { type Relocation, relocated } from '../../../lib/engine/commit/relocate.ts';
import type { Version } from '../../../lib/engine/commit/version-list.ts';

const tenure = (number: number) => ({ kind: 'tenure', number }) as const;

function version(batchId: number, more: Partial<Manifest> = {}): Version {
  const times = { batchTimeMillis: batchId * 1_000, zeroTimeMillis: 0 };
  const state = { own: 'changes', chain: [{ name: 'snapshot', checksum: 's' }], operators: ['counts'] } as const;
  const manifest: Manifest = {
    application: 'app',
    group: 's0',
    scope: 'shard',
    batchId,
    ...times,
    fence: tenure(1),
    lineage: 0,
    shards: [],
    state,
    ...more,
  };
  return { name: `m-${batchId}`, checksum: `${batchId}`, manifest };
}

function move(last: Version | undefined, state: Version | undefined, more: Partial<Relocation> = {}): Manifest {
  const { batchId = 0, lineage = 0, voided = [] } = last?.manifest ?? {};
  const before = { batchId, lineage, voided };
  return relocated('app', { group: 's0', scope: 'shard', last, before, shards: [], state, fence: tenure(2), ...more });
}

const asVersion = (manifest: Manifest): Version => version(manifest.batchId, manifest);
const ids = (...pairs: readonly (readonly [number, number])[]): BatchIds[] =>
  pairs.map(([from, through]) => ({ from, through }));

it('a relocation hands on what is left to remove of shards that ended before', () => {
  const ended = [{ shardId: 'P', hashKeyRange: { startingHashKey: '0', endingHashKey: '9' } }];
  expect(move(version(7, { ended }), undefined, { anew: 'VOID' }).ended).toEqual(ended);
  expect(move(version(7), version(5, { ended })).ended).toBeUndefined();
});

describe('the batches that a relocation makes void', () => {
  it('are those after the version that holds again, and its own id, which a holder of before may be writing', () => {
    const moved = move(version(7), version(5));
    expect(moved).toMatchObject({ batchId: 8, lineage: 1, voided: ids([6, 8]) });
    expect(moved.state?.chain.at(-1)).toEqual({ name: 'm-5', checksum: '5' });
  });

  it('is its own id alone where state is kept or given up: what was put out stays', () => {
    expect(move(version(7), version(7)).voided).toEqual(ids([8, 8]));
    expect(move(version(7), undefined).voided).toEqual(ids([8, 8]));
    expect(move(undefined, undefined, { before: { batchId: 7, lineage: 2 } }).voided).toEqual(ids([8, 8]));
  });

  it('are put together over several: back behind an earlier one, from after it, and forward to what it had made void', () => {
    const once = asVersion(move(version(7), version(5)));
    const later = version(10, { voided: ids([6, 8]) });
    expect(move(later, version(4)).voided).toEqual(ids([5, 11]));
    expect(move(later, version(9, { voided: ids([6, 8]) })).voided).toEqual(ids([6, 8], [10, 11]));
    expect(move(later, once).voided).toEqual(ids([6, 11]));
    expect(move(later, version(7)).voided).toEqual(ids([8, 11]));
    expect(move(later, later).voided).toEqual(ids([6, 8], [11, 11]));
  });

  it('are all of a shard that begins anew, unless only its position is moved', () => {
    expect(move(version(7), undefined, { anew: 'VOID' })).toMatchObject({ beginsAnew: true, voided: ids([1, 8]) });
    expect(move(version(7), undefined, { anew: 'KEEP' })).toMatchObject({ beginsAnew: true, voided: ids([8, 8]) });
  });

  it('is told where the last version cannot be read', () => {
    const before = { batchId: 9, lineage: 0 };
    expect(move(undefined, version(5), { before })).toMatchObject({ batchId: 10, voided: ids([6, 10]) });
  });
});

describe('a version that is gone back to', () => {
  it('still begins anew, or is made of what other groups had, where nothing was committed on it', () => {
    const anew = asVersion(move(version(7), undefined, { anew: 'VOID' }));
    expect(move(version(10), anew)).toMatchObject({ beginsAnew: true, voided: ids([1, 11]) });
    const inherits = [{ group: 'application', pointer: 'p' }];
    expect(move(version(10), version(3, { inherits })).inherits).toEqual(inherits);
  });
});
