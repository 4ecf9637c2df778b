import { describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import {
  type Manifest,
  type StatePiece,
  linesOf,
  progressOf,
  readManifest,
} from '../../../lib/engine/commit/manifest.ts';
import { groupPrefix, newObjectName, readObjectName } from '../../../lib/engine/commit/object-names.ts';
import { formatPointer, parsePointer } from '../../../lib/engine/commit/pointer.ts';
import { seal } from '../../../lib/engine/store/sealed.ts';

const manifest: Manifest = {
  application: 'counts',
  group: 'shardId-000000000000',
  scope: 'shard',
  batchId: 12,
  batchTimeMillis: 24_000,
  zeroTimeMillis: 0,
  fence: { kind: 'tenure', number: 7 },
  lineage: 0,
  shards: [
    {
      shardId: 'shardId-000000000000',
      streamName: 'lines',
      position: positionOf('49590338271490256608559692538361571095921575989136588898', 3),
    },
    { shardId: 'shardId-000000000001', streamName: 'lines', position: SHARD_END },
    { shardId: 'shardId-000000000002', streamName: 'lines', position: TRIM_HORIZON },
  ],
  state: {
    own: 'changes',
    chain: [
      { name: 'counts/g/snapshot', checksum: 'sha256:aa' },
      { name: 'counts/g/changes', checksum: 'sha256:bb' },
    ],
    operators: ['counts'],
  },
  watermarkMillis: 23_000.5,
  follows: { name: 'counts/g/manifest', checksum: 'sha256:cc' },
};
const sealManifest = (given: Manifest, pieces: readonly StatePiece[] = []) => seal('manifest', linesOf(given, pieces));
const place = { location: 'memory:state', name: 'm', application: 'counts' };

describe('a manifest', () => {
  it('comes back as it was, with positions exact', () => {
    const pieces: StatePiece[] = [
      { operator: 'counts', content: 'snapshot', data: [['a', 1]] },
      { operator: 'window#1', content: 'changes', data: { gone: 3 } },
    ];
    const { bytes, checksum } = sealManifest(manifest, pieces);
    expect(readManifest(bytes, { ...place, checksum })).toEqual({ manifest, pieces });
  });

  it('comes back without state, watermark and predecessor', () => {
    const { state: _state, watermarkMillis: _watermark, follows: _follows, ...first } = manifest;
    const { bytes, checksum } = sealManifest(first);
    expect(readManifest(bytes, { ...place, checksum })).toEqual({ manifest: first, pieces: [] });
  });

  it('is refused by name when it is of another application', () => {
    const { bytes, checksum } = sealManifest({ ...manifest, application: 'other' });
    expect(() => readManifest(bytes, { ...place, checksum })).toThrow(/MR_STATE_FOREIGN.*"other", not to "counts"/);
  });

  it('is refused when a field is missing or of another kind', () => {
    const good = JSON.parse(Buffer.from(sealManifest(manifest).bytes).toString().split('\n')[1] ?? '') as object;
    for (const wrong of [{ ...good, batchId: -1 }, { ...good, fence: 'x7' }, { ...good, shards: 3 }, 7]) {
      const { bytes, checksum } = seal('manifest', [JSON.stringify(wrong)]);
      expect(() => readManifest(bytes, { ...place, checksum })).toThrow(/MR_STATE_DAMAGED.*is no manifest/);
    }
  });

  it('tells how far a shard is, by stream and shard', () => {
    expect(progressOf(manifest, 'shardId-000000000001', 'lines')?.position).toEqual(SHARD_END);
    expect(progressOf(manifest, 'shardId-000000000001', 'others')).toBeUndefined();
  });
});

describe('the state in its object', () => {
  it('is refused when a line of it is no piece', () => {
    const [line] = linesOf(manifest);
    for (const wrong of ['{"operator":"counts"}', '["counts","other",1]', '7']) {
      const { bytes, checksum } = seal('manifest', [line ?? '', wrong]);
      expect(() => readManifest(bytes, { ...place, checksum })).toThrow(/MR_STATE_DAMAGED.*no piece of state/);
    }
  });
});

describe('the pointer in a row', () => {
  const pointer = { batchId: 12, manifest: 'counts/g/m', checksum: 'sha256:aa', store: 'ab12', lineage: 1 };

  it('comes back as it was', () => {
    expect(parsePointer(formatPointer(pointer), 'lease x')).toEqual(pointer);
    const planned = { ...pointer, plan: { name: 'counts/g/p', checksum: 'sha256:bb' } };
    expect(parsePointer(formatPointer(planned), 'lease x')).toEqual(planned);
    const idle = { ...planned, batchTimeMillis: 99_000 };
    expect(parsePointer(formatPointer(idle), 'lease x')).toEqual(idle);
  });

  it('with a plan cannot be read by whoever knows no plans, and would make another batch', () => {
    const versionOf = (given: Parameters<typeof formatPointer>[0]): unknown =>
      (JSON.parse(formatPointer(given)) as { v: number }).v;
    expect(versionOf(pointer)).toBe(1);
    expect(versionOf({ ...pointer, plan: { name: 'counts/g/p', checksum: 'sha256:bb' } })).toBe(2);
    // Nor one after batches that changed nothing, whose ids would be given again.
    expect(versionOf({ ...pointer, batchTimeMillis: 99_000 })).toBe(3);
  });

  it('of a later version is refused by name', () => {
    const newer = JSON.stringify({ ...pointer, v: 4 });
    expect(() => parsePointer(newer, 'lease x')).toThrow(/MR_STATE_NEWER.*lease x/);
  });

  it("that is somebody else's text is refused and never taken for none", () => {
    const damagedPlan = JSON.stringify({ ...pointer, v: 2, plan: { name: 7 } });
    for (const text of ['', damagedPlan, '{}', 'null', '{"v":1,"batchId":1.5}', 'hello', '[1]']) {
      expect(() => parsePointer(text, 'lease x')).toThrow(/MR_STATE_DAMAGED: lease x/);
    }
  });
});

describe('the name of an object', () => {
  const prefix = groupPrefix('my app', 'stream:shardId-000000000000');
  const parts = { kind: 'manifest', batchId: 12, fence: { kind: 'epoch', number: 3 } } as const;

  it('tells what it is and is never made twice', () => {
    const random = seededRandom(1);
    const names = [newObjectName(prefix, parts, random), newObjectName(prefix, parts, random)];
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(readObjectName(prefix, name)).toEqual(parts);
  });

  it('of something that Millrace did not make is not read', () => {
    for (const name of [
      `${prefix}notes.txt`,
      `${prefix}changes-12-e3-ab.json`,
      'other/changes-000000000012-e3-ab.json',
    ]) {
      expect(readObjectName(prefix, name)).toBeUndefined();
    }
  });
});
