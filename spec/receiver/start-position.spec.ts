import { describe, expect, it } from 'vitest';
import { AT_TIMESTAMP, LATEST, type Position, SHARD_END, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { SkipThrough, startPositionOf } from '../../lib/receiver/start-position.ts';
import { at, record } from './values.ts';

function leaseAt(checkpoint: Position, initialTimestampMillis?: number): Lease {
  return {
    leaseKey: 'shardId-0',
    leaseCounter: 1,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint,
    parentShardIds: [],
    childShardIds: [],
    ...(initialTimestampMillis === undefined ? {} : { initialTimestampMillis }),
  };
}

describe('startPositionOf', () => {
  it('opens LATEST and AT_TIMESTAMP at the time that the row carries, however late', () => {
    expect(startPositionOf(leaseAt(LATEST, 5_000))).toEqual({ type: 'AT_TIMESTAMP', timestampMillis: 5_000 });
    expect(startPositionOf(leaseAt(AT_TIMESTAMP, 6_000))).toEqual({ type: 'AT_TIMESTAMP', timestampMillis: 6_000 });
  });

  it('opens a number at the checkpoint, which may lie inside an aggregate', () => {
    expect(startPositionOf(leaseAt(positionOf('77', 3)))).toEqual({ type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '77' });
  });

  it('opens the horizon', () => {
    expect(startPositionOf(leaseAt(TRIM_HORIZON))).toEqual({ type: 'TRIM_HORIZON' });
  });

  it.each([LATEST, AT_TIMESTAMP, SHARD_END])('has no place to open $kind without a time', (checkpoint) => {
    expect(() => startPositionOf(leaseAt(checkpoint))).toThrow(`lease shardId-0 at ${checkpoint.kind}`);
  });
});

describe('SkipThrough', () => {
  it('drops what is not after the position, over several pages, inside aggregates too', () => {
    const skip = new SkipThrough(positionOf('5', 1));
    expect(skip.keep([record(4), record(5, { sub: 0 })])).toEqual([]);
    expect(skip.keep([])).toEqual([]);
    const kept = skip.keep([record(5, { sub: 1 }), record(5, { sub: 2 }), record(6)]);
    expect(kept.map((one) => [one.sequenceNumber, one.subSequenceNumber])).toEqual([
      ['5', 2],
      ['6', 0],
    ]);
    expect(skip.keep([record(7)])).toHaveLength(1);
  });

  it('keeps everything from a start that is a name', () => {
    for (const start of [at(0), LATEST, AT_TIMESTAMP]) {
      expect(new SkipThrough(start).keep([record(1), record(2)])).toHaveLength(2);
    }
  });
});
