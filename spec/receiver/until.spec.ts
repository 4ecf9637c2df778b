import { describe, expect, it } from 'vitest';
import { boundOf, cutAtBound } from '../../lib/receiver/until.ts';
import { record } from './values.ts';

const arriving = (...times: number[]) => times.map((millis, index) => record(index + 1, { arrivalTimeMillis: millis }));
const page = (millisBehindLatest: number, ...times: number[]) => ({ records: arriving(...times), millisBehindLatest });

describe('boundOf', () => {
  it('ends a run at its date', () => {
    expect(boundOf({ type: 'AT_TIMESTAMP', timestampMillis: 5_000 }, 9_999)).toEqual({
      type: 'ARRIVAL',
      atMillis: 5_000,
    });
    expect(boundOf({ type: 'CAUGHT_UP' }, 9_999)).toEqual({ type: 'CAUGHT_UP' });
  });

  it('allows for the second that the time of the service may be behind, so that LATEST leaves out no record', () => {
    expect(boundOf({ type: 'LATEST' }, 9_000)).toEqual({ type: 'ARRIVAL', atMillis: 10_000 });
  });
});

describe('cutAtBound', () => {
  it('leaves a page alone when the run has no bound', () => {
    expect(cutAtBound(page(0, 1, 2), undefined, 100)).toEqual({ records: arriving(1, 2), reached: false });
  });

  it('reaches the bound of CAUGHT_UP at the tip of the shard, with or without records', () => {
    const bound = { type: 'CAUGHT_UP' } as const;
    expect(cutAtBound(page(10, 1, 2), bound, 0).reached).toBe(false);
    expect(cutAtBound(page(0, 1, 2), bound, 0)).toEqual({ records: arriving(1, 2), reached: true });
    expect(cutAtBound(page(0), bound, 0).reached).toBe(true);
  });

  it('cuts before the first record that arrived after the bound', () => {
    const bound = { type: 'ARRIVAL', atMillis: 10 } as const;
    expect(cutAtBound(page(500, 9, 10, 11, 12), bound, 20)).toEqual({ records: arriving(9, 10), reached: true });
    expect(cutAtBound(page(0, 11), bound, 20)).toEqual({ records: [], reached: true });
  });

  it('reaches a time at the tip only once the service is past it: more may arrive until then', () => {
    const bound = { type: 'ARRIVAL', atMillis: 10 } as const;
    expect(cutAtBound(page(0, 9), bound, 9).reached).toBe(false);
    expect(cutAtBound(page(0, 9), bound, 10).reached).toBe(false);
    expect(cutAtBound(page(0, 9), bound, 11).reached).toBe(true);
    expect(cutAtBound(page(40, 9), bound, 500).reached).toBe(false);
  });
});
