import { describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import { type BatchPlan, readPlan, sealPlan } from '../../../lib/engine/commit/batch-plan.ts';
import { checksumOf, seal } from '../../../lib/engine/store/sealed.ts';

const place = { location: 'memory', name: 'app/g/plan-1', application: 'app' };

const plan: BatchPlan = {
  application: 'app',
  group: 'application',
  batchId: 4,
  batchTimeMillis: 4_000,
  fence: { kind: 'epoch', number: 3 },
  lineage: 1,
  ranges: [
    { streamName: 'lines', shardId: 'a', after: TRIM_HORIZON, through: positionOf(1n << 180n, 7) },
    { streamName: 'lines', shardId: 'b', after: positionOf(5n), through: SHARD_END },
  ],
};

describe('the plan of a batch', () => {
  it.each([plan, { ...plan, ranges: [] }])('comes back as it was written', (given) => {
    const { bytes, checksum } = sealPlan(given);
    expect(readPlan(bytes, { ...place, checksum })).toEqual(given);
  });

  it('of another application is refused', () => {
    const { bytes, checksum } = sealPlan({ ...plan, application: 'other' });
    expect(() => readPlan(bytes, { ...place, checksum })).toThrow(/MR_STATE_FOREIGN.*"other".*"app"/);
  });

  it('that lacks a range, or holds a line that is none, is damaged', () => {
    const lines = new TextDecoder().decode(sealPlan(plan).bytes).trimEnd().split('\n').slice(1);
    for (const [wrong, why] of [
      [lines.slice(0, -1), /MR_STATE_DAMAGED.*1 ranges of 2/],
      [[...lines.slice(0, -1), '["lines","b","5:0","nowhere"]'], /MR_STATE_DAMAGED.*no position/],
      [['{}'], /MR_STATE_DAMAGED.*no plan of a batch/],
    ] as const) {
      const { bytes } = seal('plan', wrong);
      expect(() => readPlan(bytes, { ...place, checksum: checksumOf(bytes) })).toThrow(why);
    }
  });
});
