import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON } from '../../../lib/base/position.ts';
import type { Lease } from '../../../lib/lease/lease.ts';
import { planLeaseCountBased } from '../../../lib/lease/plan/lease-count-plan.ts';
import { planRelease } from '../../../lib/lease/plan/release-plan.ts';
import {
  type AssignmentOptions,
  type ObservedLease,
  defaultAssignmentOptions as options,
} from '../../../lib/lease/plan/utilization-types.ts';
import { seededRandom } from '../../../lib/base/random.ts';

const now = 100_000;
const fresh = now - 1_000;

function observed(leaseKey: string, owner?: string, unchangedSinceMillis = fresh, parts: Partial<Lease> = {}) {
  const lease: Lease = {
    leaseKey,
    leaseCounter: 1,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint: TRIM_HORIZON,
    parentShardIds: [],
    childShardIds: [],
    ...(owner === undefined ? {} : { leaseOwner: owner }),
    ...parts,
  };
  return { lease, unchangedSinceMillis } satisfies ObservedLease;
}

/** What a plan is asked with. */
function inputOf(leases: readonly ObservedLease[], workers: readonly string[], parts: Partial<AssignmentOptions> = {}) {
  return {
    leases,
    workers: workers.map((workerIdentifier) => ({ workerIdentifier })),
    options: { ...options, ...parts },
    nowMillis: now,
    random: seededRandom(1),
  };
}

const workerNames = ['a', 'b', 'c', 'd', 'e'];
const anyLease = fc.record({
  owner: fc.option(fc.constantFrom(...workerNames, 'dead', 'java'), { nil: undefined }),
  age: fc.constantFrom(0, 5_000, 10_000, 10_001, 30_000),
  ended: fc.boolean(),
  handedBy: fc.option(fc.constantFrom('a', 'dead'), { nil: undefined, freq: 8 }),
  timedOut: fc.boolean(),
});
const anyFleet = fc.record({
  leases: fc.array(anyLease, { maxLength: 25 }).map((leases) =>
    leases.map(({ owner, age, ended, handedBy, timedOut }, index): ObservedLease => {
      const isHanded = handedBy !== undefined && owner !== undefined;
      const one = observed(`shard-${String(index).padStart(2, '0')}`, owner, now - age, {
        ...(ended && index % 3 === 0 ? { checkpoint: SHARD_END } : {}),
        ...(isHanded ? { checkpointOwner: handedBy } : {}),
      });
      return isHanded && timedOut ? { ...one, handoffTimedOut: true } : one;
    }),
  ),
  workers: fc.subarray(workerNames, { minLength: 1 }),
  maxLeasesForWorker: fc.constantFrom(1, 3, Number.MAX_SAFE_INTEGER),
});

describe('planRelease', () => {
  it('gives each lease of the leaver to the emptiest of the others', () => {
    const leases = [observed('1', 'me'), observed('2', 'me'), observed('3', 'me'), observed('4', 'a')];
    const releases = planRelease(planLeaseCountBased, inputOf(leases, ['a', 'b']), 'me');
    expect(releases.map(({ lease, to }) => [lease.leaseKey, to])).toEqual([
      ['1', 'b'],
      ['2', 'a'],
      ['3', 'b'],
    ]);
  });

  it('gives to nobody where there is nobody, or all are full, or the shard has ended', () => {
    const ended = observed('3', 'me', fresh, { checkpoint: SHARD_END });
    const to = (workers: readonly string[], maxLeasesForWorker: number) =>
      planRelease(
        planLeaseCountBased,
        inputOf([observed('1', 'me'), observed('2', 'me'), ended], workers, { maxLeasesForWorker }),
        'me',
      ).map((release) => release.to);
    expect(to([], 10)).toEqual([undefined, undefined, undefined]);
    expect(to(['a'], 1)).toEqual(['a', undefined, undefined]);
  });

  it('names every lease of the leaver once, only its own, and only workers that stay', () => {
    fc.assert(
      fc.property(anyFleet, ({ leases, workers }) => {
        const others = workers.filter((worker) => worker !== 'a');
        const releases = planRelease(planLeaseCountBased, inputOf(leases, others), 'a');
        // While it hands a lease over it is the one that may write it; one that is handed to it is not its own yet.
        const isMine = ({ lease }: ObservedLease) => (lease.checkpointOwner ?? lease.leaseOwner) === 'a';
        expect(releases.map(({ lease }) => lease.leaseKey)).toEqual(
          leases.filter(isMine).map(({ lease }) => lease.leaseKey),
        );
        for (const { to } of releases) if (to !== undefined) expect(others).toContain(to);
      }),
      { numRuns: 300 },
    );
  });
});
