import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { type NamedManifest, garbageOfCommit, objectsOf, orphans } from '../../../lib/engine/commit/garbage.ts';
import type { NamedObject } from '../../../lib/engine/commit/manifest.ts';
import { groupPrefix, newObjectName } from '../../../lib/engine/commit/object-names.ts';

const prefix = groupPrefix('counts', 'shard-0');
const random = seededRandom(7);
const nameOf = (batchId: number, tenure = 1) =>
  newObjectName(prefix, { kind: 'manifest', batchId, fence: { kind: 'tenure', number: tenure } }, random);

/** A chain of commits with a snapshot every `every` batches, as the engine makes them. */
function chain(length: number, every: number): NamedManifest[] {
  const made: NamedManifest[] = [];
  let before: NamedObject[] = [];
  for (let batchId = 1; batchId <= length; batchId += 1) {
    const isSnapshot = (batchId - 1) % every === 0;
    if (isSnapshot) before = [];
    const name = nameOf(batchId);
    made.push({
      name,
      manifest: {
        application: 'counts',
        group: 'shard-0',
        scope: 'shard',
        batchId,
        batchTimeMillis: batchId,
        zeroTimeMillis: 0,
        fence: { kind: 'tenure', number: 1 },
        lineage: 0,
        shards: [],
        state: { own: isSnapshot ? 'snapshot' : 'changes', chain: before, operators: ['counts'] },
      },
    });
    before = [...before, { name, checksum: 'x' }];
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
    const dead = [nameOf(12, 2), nameOf(11, 9), nameOf(3)];
    const needed = kept.flatMap(objectsOf);
    expect(orphans({ prefix, listed: [...needed, ...dead], kept })).toEqual(dead);
  });

  it('are not what may be on its way, nor what Millrace did not make', () => {
    const listed = [nameOf(13, 1), nameOf(14, 2), `${prefix}notes.txt`, 'elsewhere/x'];
    expect(orphans({ prefix, listed, kept })).toEqual([]);
  });

  it('are none before the first commit', () => {
    expect(orphans({ prefix, listed: [nameOf(1)], kept: [] })).toEqual([]);
  });
});
