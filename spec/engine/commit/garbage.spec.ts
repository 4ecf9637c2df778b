import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { type NamedManifest, garbageOfCommit, objectsOf, orphans } from '../../../lib/engine/commit/garbage.ts';
import { groupPrefix, newObjectName } from '../../../lib/engine/commit/object-names.ts';

const prefix = groupPrefix('counts', 'shard-0');
const random = seededRandom(7);
const nameOf = (kind: 'manifest' | 'snapshot' | 'changes', batchId: number, tenure = 1) =>
  newObjectName(prefix, { kind, batchId, fence: { kind: 'tenure', number: tenure } }, random);

/** A chain of commits with a snapshot every `every` batches, as the engine makes them. */
function chain(length: number, every: number): NamedManifest[] {
  const made: NamedManifest[] = [];
  let snapshot = { name: '', checksum: '' };
  let changes: { name: string; checksum: string }[] = [];
  let snapshotBatchId = 0;
  for (let batchId = 1; batchId <= length; batchId += 1) {
    if ((batchId - 1) % every === 0) {
      snapshot = { name: nameOf('snapshot', batchId), checksum: 'x' };
      changes = [];
      snapshotBatchId = batchId;
    } else changes = [...changes, { name: nameOf('changes', batchId), checksum: 'x' }];
    made.push({
      name: nameOf('manifest', batchId),
      manifest: {
        application: 'counts',
        group: 'shard-0',
        scope: 'shard',
        batchId,
        batchTimeMillis: batchId,
        fence: { kind: 'tenure', number: 1 },
        lineage: 0,
        shards: [],
        state: { snapshotBatchId, snapshot, changes, operators: ['counts'] },
      },
    });
  }
  return made;
}

describe('the garbage of a commit', () => {
  it('is what none of the last manifests needs, and over a run all of the rest', () => {
    const all = chain(40, 5);
    const present = new Set<string>();
    const kept: NamedManifest[] = [];
    for (const next of all) {
      for (const name of objectsOf(next)) present.add(name);
      kept.push(next);
      const dropped = kept.splice(0, Math.max(0, kept.length - 3));
      for (const name of garbageOfCommit(dropped, kept)) expect(present.delete(name)).toBe(true);
      for (const one of kept) for (const name of objectsOf(one)) expect(present).toContain(name);
    }
    expect([...present].toSorted()).toEqual([...new Set(kept.flatMap(objectsOf))].toSorted());
  });
});

describe('orphans', () => {
  const kept = chain(12, 5).slice(-3);

  it('are objects of batches that can never be committed any more', () => {
    const dead = [nameOf('changes', 12, 2), nameOf('manifest', 11, 9), nameOf('snapshot', 3)];
    const needed = kept.flatMap(objectsOf);
    expect(orphans({ prefix, listed: [...needed, ...dead], kept })).toEqual(dead);
  });

  it('are not what may be on its way, nor what Millrace did not make', () => {
    const listed = [nameOf('changes', 13, 1), nameOf('manifest', 14, 2), `${prefix}notes.txt`, 'elsewhere/x'];
    expect(orphans({ prefix, listed, kept })).toEqual([]);
  });

  it('are none before the first commit', () => {
    expect(orphans({ prefix, listed: [nameOf('changes', 1)], kept: [] })).toEqual([]);
  });
});
