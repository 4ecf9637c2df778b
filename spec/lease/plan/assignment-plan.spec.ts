import { describe, expect, it } from 'vitest';
import { chooseAssignmentPlan, writeOf } from '../../../lib/lease/plan/assignment-plan.ts';
import type { Move } from '../../../lib/lease/plan/utilization-types.ts';
import { busy, ended, heldBy, inputOf, nowMillis, row, silent, times } from './utilization-rows.ts';

describe('chooseAssignmentPlan', () => {
  // a is idle and has most of the leases, b is full and has few.
  const leases = [...heldBy('a', times(6, 10)), ...heldBy('b', times(2, 100))];
  const input = inputOf(leases, [busy('a', 10), busy('b', 90)]);
  const sources = (moves: readonly Move[]) => [...new Set(moves.map(({ from }) => from))];

  it('balances by utilisation, unless told to', () => {
    expect(sources(chooseAssignmentPlan()(input))).toEqual(['b']);
    expect(sources(chooseAssignmentPlan('WORKER_UTILIZATION_AWARE')(input))).toEqual(['b']);
  });

  it('balances by the number of leases', () => {
    const moves = chooseAssignmentPlan('LEASE_COUNT_BASED')(input);
    expect(sources(moves)).toEqual(['a']);
    expect(moves).toHaveLength(2);
  });
});

describe('writeOf', () => {
  const held = row('s', { leaseOwner: 'a' });
  const move: Move = { leaseKey: 's', from: 'a', to: 'b', reason: 'balance' };
  const { options } = inputOf([], []);

  it('hands over a lease of a live worker', () => {
    expect(writeOf(move, held, options, nowMillis)).toBe('handoff');
  });

  it('assigns it where isGracefulLeaseHandoffEnabled is false', () => {
    expect(writeOf(move, held, { ...options, isGracefulLeaseHandoffEnabled: false }, nowMillis)).toBe('assign');
  });

  it.each([
    { what: 'that nobody owns', observed: row('s'), from: undefined },
    { what: 'that has expired', observed: silent(10_001, held), from: 'a' },
    { what: 'whose shard has ended', observed: ended(held), from: 'a' },
    { what: 'that is being handed over', observed: row('s', { leaseOwner: 'a', checkpointOwner: 'c' }), from: 'a' },
  ])('assigns a lease $what', ({ observed, from }) => {
    expect(writeOf({ ...move, from }, observed, options, nowMillis)).toBe('assign');
  });

  it('goes by the time that a lease is given', () => {
    const patient = { ...silent(10_001, held), expiresAfterMillis: 30_000 };
    expect(writeOf(move, patient, options, nowMillis)).toBe('handoff');
  });
});
