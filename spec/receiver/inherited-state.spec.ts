import { describe, expect, it } from 'vitest';
import { TRIM_HORIZON } from '../../lib/base/position.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { inheritedStates, inheritedText } from '../../lib/receiver/inherited-state.ts';

const parent = (leaseKey: string, tenure: number): Lease => ({
  leaseKey,
  tenure,
  leaseCounter: tenure,
  checkpoint: TRIM_HORIZON,
  ownerSwitchesSinceCheckpoint: 0,
  parentShardIds: [],
  childShardIds: [],
  hashKeyRange: { startingHashKey: '0', endingHashKey: '9' },
});

describe('what is named on a child', () => {
  it('is one text for each parent, with its part of the hash space', () => {
    expect(inheritedStates([inheritedText(parent('a', 3), 'A'), inheritedText(parent('b', 5), 'B')])).toEqual([
      { shardId: 'a', state: 'A', hashKeyRange: { startingHashKey: '0', endingHashKey: '9' } },
      { shardId: 'b', state: 'B', hashKeyRange: { startingHashKey: '0', endingHashKey: '9' } },
    ]);
  });

  it('is that of the last tenure, where an owner died between naming and committing it', () => {
    const texts = [inheritedText(parent('a', 14), 'never committed'), inheritedText(parent('a', 15), 'committed')];
    for (const order of [texts, texts.toReversed()]) {
      expect(inheritedStates(order).map(({ state }) => state)).toEqual(['committed']);
    }
  });

  it('leaves out what is no text of Millrace', () => {
    expect(inheritedStates(['', 'null', '7', '{"shardId":"a"}', '{"shardId":"a","state":"x"}'])).toEqual([]);
  });
});
