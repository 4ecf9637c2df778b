import { describe, expect, it } from 'vitest';
import { positionOf } from '../../lib/base/position.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { checkpointLease, isAlreadyApplied, releaseLease, renewLease } from '../../lib/lease/lease-write.ts';
import { givenLease } from './keeper-bench.ts';

const fence = { leaseKey: givenLease('me').leaseKey, leaseCounter: 7, tenure: 5 };
/** The row as a write of this tenure left it, one step on. */
const written: Lease = { ...givenLease('me'), leaseCounter: 8, tenure: 5 };

describe('a write that is refused after one without an answer', () => {
  it('was applied when the row holds what it wrote: counter, tenure and owner', () => {
    const renewal = renewLease(fence);
    expect(isAlreadyApplied(renewal, written, 'me')).toBe(true);
    expect(isAlreadyApplied(renewal, { ...written, leaseCounter: 9 }, 'me')).toBe(false);
    expect(isAlreadyApplied(renewal, { ...written, leaseCounter: 7 }, 'me')).toBe(false);
    // Another process of this name has begun a tenure of its own, by the same step of the counter.
    expect(isAlreadyApplied(renewal, { ...written, tenure: 8 }, 'me')).toBe(false);
    expect(isAlreadyApplied(renewal, { ...written, leaseOwner: 'other' }, 'me')).toBe(false);
  });

  it('was applied in a handoff, too, where the old owner still writes', () => {
    const renewal = renewLease({ ...fence, handoffTo: 'next' });
    const handedOver = { ...written, leaseOwner: 'next', checkpointOwner: 'me' };
    expect(isAlreadyApplied(renewal, handedOver, 'me')).toBe(true);
    expect(isAlreadyApplied(renewal, handedOver, 'next')).toBe(false);
  });

  it('was not, when another write of the same step moved the checkpoint elsewhere, or stored another pointer', () => {
    const commit = checkpointLease(fence, positionOf(20n), { engineState: 'batch 4' });
    const row = { ...written, checkpoint: positionOf(20n), engineState: 'batch 4' };
    expect(isAlreadyApplied(commit, row, 'me')).toBe(true);
    expect(isAlreadyApplied(commit, { ...row, checkpoint: positionOf(10n) }, 'me')).toBe(false);
    expect(isAlreadyApplied(commit, { ...row, engineState: 'batch 3' }, 'me')).toBe(false);
  });

  it('was, of a release, when nobody owns the row or the one that it was given to', () => {
    const { leaseOwner: _, ...free } = written;
    expect(isAlreadyApplied(releaseLease(fence, undefined), free, 'me')).toBe(true);
    expect(isAlreadyApplied(releaseLease(fence, undefined), written, 'me')).toBe(false);
    expect(isAlreadyApplied(releaseLease(fence, 'next'), { ...written, leaseOwner: 'next' }, 'me')).toBe(true);
  });
});
