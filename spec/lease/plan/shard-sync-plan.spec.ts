import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT_TIMESTAMP, LATEST, SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import type { Shard } from '../../../lib/kinesis/shard.ts';
import { type Lease, isEnded } from '../../../lib/lease/lease.ts';
import {
  type InitialPosition,
  childLease,
  isFirstSyncOver,
  planShardSync,
} from '../../../lib/lease/plan/shard-sync-plan.ts';
import { Lineage, idOf, shardOf, stream } from './lineage.ts';

function plan(shards: readonly Shard[], leases: readonly Lease[], initialPosition: InitialPosition) {
  return planShardSync({ stream, shards, leases, initialPosition, serviceTimeMillis: 5_000.7 });
}

/** A lease of an application whose first sync is over. */
function leased(number: number, checkpoint: Lease['checkpoint'] = positionOf(1n), parents: readonly number[] = []) {
  return { ...childLease(shardOf(number, parents), stream), checkpoint };
}

/** The numbers of the shards that a later sync leases, which must all start at TRIM_HORIZON. */
function later(shards: readonly Shard[], leases: readonly Lease[]): readonly number[] {
  const { create, markFirstSyncEnded } = plan(shards, leases, { type: 'LATEST' });
  expect(markFirstSyncEnded).toBeUndefined();
  for (const lease of create) {
    expect(lease).toMatchObject({ checkpoint: TRIM_HORIZON, firstSyncEnded: true });
    expect(lease.initialTimestampMillis).toBeUndefined();
  }
  return create.map((lease) => Number(lease.leaseKey.slice(-12)));
}

describe('the first sync', () => {
  const shards = [shardOf(3), shardOf(1), shardOf(2)];

  it.each<[InitialPosition, Partial<Lease>]>([
    [{ type: 'TRIM_HORIZON' }, { checkpoint: TRIM_HORIZON }],
    [{ type: 'LATEST' }, { checkpoint: LATEST, initialTimestampMillis: 5_000 }],
    [
      { type: 'AT_TIMESTAMP', timestampMillis: 77 },
      { checkpoint: AT_TIMESTAMP, initialTimestampMillis: 77 },
    ],
  ])('leases every shard at %o and marks the last one', (initialPosition, parts) => {
    const { create } = plan(shards, [], initialPosition);
    expect(create.map((lease) => lease.leaseKey)).toEqual([1, 2, 3].map(idOf));
    for (const lease of create) {
      expect(lease).toMatchObject({ ...stream, ...parts, leaseCounter: 0 });
      expect(lease.initialTimestampMillis).toBe(parts.initialTimestampMillis);
    }
    expect(create.map((lease) => lease.firstSyncEnded)).toEqual([undefined, undefined, true]);
  });

  it('that was cut off goes on at the timestamp of its leases, not at a later one', () => {
    const [first] = plan(shards, [], { type: 'LATEST' }).create;
    const rest = planShardSync({
      stream,
      shards,
      leases: [first!],
      initialPosition: { type: 'LATEST' },
      serviceTimeMillis: 900_000,
    }).create;
    expect(rest.map((lease) => [lease.leaseKey, lease.initialTimestampMillis, lease.firstSyncEnded])).toEqual([
      [idOf(2), 5_000, undefined],
      [idOf(3), 5_000, true],
    ]);
  });

  it('that lacks nothing but the mark gets it on one of its leases', () => {
    const leases = plan(shards, [], { type: 'LATEST' }).create.map(({ firstSyncEnded: _, ...lease }) => lease);
    expect(isFirstSyncOver(leases)).toBe(false);
    expect(plan(shards, leases, { type: 'LATEST' })).toEqual({ create: [], markFirstSyncEnded: idOf(1) });
  });

  it('that was cut off before a split leaves the children to the end of their parent', () => {
    const { create } = plan([shardOf(1), shardOf(2)], [], { type: 'LATEST' });
    const afterSplit = [shardOf(2), shardOf(3, [1]), shardOf(4, [1])];
    const rest = plan(afterSplit, create.slice(0, 1), { type: 'LATEST' }).create;
    expect(rest.map((lease) => lease.leaseKey)).toEqual([idOf(2)]);
  });

  it('that was cut off before two reshards in a line knows of the shard between, which its own listing lacks', () => {
    const { create } = plan([shardOf(1), shardOf(2)], [], { type: 'LATEST' });
    const open = [shardOf(2), shardOf(4, [1]), shardOf(5, [3]), shardOf(6, [3])];
    const rest = planShardSync({
      stream,
      shards: open,
      lineage: [shardOf(1, [], true), shardOf(3, [1], true), ...open],
      leases: create.slice(0, 1),
      initialPosition: { type: 'LATEST' },
      serviceTimeMillis: 900_000,
    });
    expect(rest.create.map((lease) => lease.leaseKey)).toEqual([idOf(2)]);
  });

  it('of a stream without shards creates nothing and marks nothing', () => {
    expect(plan([], [], { type: 'TRIM_HORIZON' })).toEqual({ create: [] });
  });

  it('is over in a table that Java made, whose rows name no stream', () => {
    const { streamArn: _, streamCreatedAtMillis: __, firstSyncEnded: ___, ...java } = leased(1, LATEST);
    expect(isFirstSyncOver([java])).toBe(true);
    expect(later([shardOf(1), shardOf(2)], [java])).toEqual([2]);
  });
});

describe('a later sync', () => {
  it('creates nothing where every shard has its lease', () => {
    expect(later([shardOf(1), shardOf(2)], [leased(1), leased(2, SHARD_END)])).toEqual([]);
  });

  it('fills a hole', () => {
    expect(later([shardOf(1), shardOf(2), shardOf(3)], [leased(1), leased(3)])).toEqual([2]);
  });

  it('leases a missing child of an ended parent, and only when the parent has ended', () => {
    const shards = [shardOf(1, [], true), shardOf(2, [1]), shardOf(3, [1])];
    expect(later(shards, [leased(1)])).toEqual([]);
    expect(later(shards, [leased(1, SHARD_END), leased(2, TRIM_HORIZON, [1])])).toEqual([3]);
  });

  it('leases the child of a merge when both parents have ended', () => {
    const shards = [shardOf(1, [], true), shardOf(2, [], true), shardOf(3, [1, 2])];
    expect(later(shards, [leased(1, SHARD_END), leased(2)])).toEqual([]);
    expect(later(shards, [leased(1, SHARD_END), leased(2, SHARD_END)])).toEqual([3]);
  });

  it('leases a missing parent of a merge before its child', () => {
    const shards = [shardOf(1, [], true), shardOf(2, [], true), shardOf(3, [1, 2])];
    expect(later(shards, [leased(1, SHARD_END)])).toEqual([2]);
  });

  it('leases the oldest of a line of shards without leases; the others follow one by one', () => {
    const line = [shardOf(5), shardOf(1, [], true), shardOf(2, [1], true), shardOf(3, [2])];
    expect(later(line, [leased(5)])).toEqual([1]);
    expect(later(line, [leased(5), leased(1, SHARD_END)])).toEqual([2]);
    expect(later(line, [leased(5), leased(1, SHARD_END), leased(2)])).toEqual([]);
    expect(later(line, [leased(5), leased(1, SHARD_END), leased(2, SHARD_END)])).toEqual([3]);
  });

  it('does not start a grandchild while the shard between has no lease', () => {
    const line = [shardOf(1, [], true), shardOf(2, [1], true), shardOf(3, [2])];
    expect(later(line, [leased(1)])).toEqual([]);
    expect(later(line, [leased(1, SHARD_END)])).toEqual([2]);
  });

  it('leaves shards alone that were read or lie before the initial position: those with a leased descendant', () => {
    const line = [shardOf(1, [], true), shardOf(2, [1], true), shardOf(3, [2], true), shardOf(4, [3])];
    expect(later(line, [leased(4, positionOf(1n), [3])])).toEqual([]);
    expect(later(line, [leased(3, SHARD_END, [2])])).toEqual([4]);
  });

  it('does not wait for parents that are trimmed', () => {
    expect(later([shardOf(9), shardOf(3, [2])], [leased(9)])).toEqual([3]);
    expect(later([shardOf(9), shardOf(3, [2])], [leased(9), leased(2)])).toEqual([]);
    expect(later([shardOf(9), shardOf(3, [2])], [leased(9), leased(2, SHARD_END)])).toEqual([3]);
  });

  it('knows the parents of a trimmed shard from its lease', () => {
    expect(later([shardOf(1, [], true)], [leased(2, positionOf(1n), [1])])).toEqual([]);
  });

  it('does not depend on the order of the listing', () => {
    const line = [shardOf(1, [], true), shardOf(2, [1], true), shardOf(3, [2]), shardOf(4)];
    expect(later(line.toReversed(), [leased(4)])).toEqual(later(line, [leased(4)]));
  });
});

type Step =
  | { readonly type: 'split' | 'merge'; readonly pick: number }
  | { readonly type: 'trim' | 'cleanUp' | 'sync' }
  | { readonly type: 'end'; readonly pick: number }
  | { readonly type: 'crashAtEnd'; readonly pick: number; readonly after: number }
  | { readonly type: 'cutSync'; readonly after: number };

const pick = fc.nat({ max: 20 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom('split' as const, 'merge' as const), pick }),
  fc.record({ type: fc.constantFrom('trim' as const, 'cleanUp' as const, 'sync' as const, 'sync' as const) }),
  fc.record({ type: fc.constant('end' as const), pick }),
  fc.record({ type: fc.constant('end' as const), pick }),
  fc.record({ type: fc.constant('crashAtEnd' as const), pick, after: fc.nat({ max: 2 }) }),
  fc.record({ type: fc.constant('cutSync' as const), after: fc.nat({ max: 3 }) }),
);
const anyInitialPosition: fc.Arbitrary<InitialPosition> = fc.oneof(
  fc.constant<InitialPosition>({ type: 'TRIM_HORIZON' }),
  fc.constant<InitialPosition>({ type: 'LATEST' }),
  fc.nat({ max: 40 }).map((millis): InitialPosition => ({ type: 'AT_TIMESTAMP', timestampMillis: 1_000 + millis })),
);

/** One sync of a lineage, checked against what the plan promises. */
function checkedSync(lineage: Lineage, applied?: number): number {
  const before = new Map(lineage.leases);
  const wasOver = isFirstSyncOver([...before.values()]);
  const { create } = lineage.sync(applied);
  const unfinished = new Set([...before.values()].filter((lease) => !isEnded(lease)).map((lease) => lease.leaseKey));
  for (const lease of create) {
    expect(before.has(lease.leaseKey)).toBe(false);
    if (wasOver) expect(lease.checkpoint).toEqual(TRIM_HORIZON);
    const ancestors = lineage.ancestorsOf(lease.leaseKey);
    expect([...ancestors].filter((ancestor) => unfinished.has(ancestor))).toEqual([]);
    unfinished.add(lease.leaseKey);
  }
  return create.length;
}

function perform(lineage: Lineage, step: Step): void {
  switch (step.type) {
    case 'split':
    case 'merge':
      return lineage[step.type](step.pick);
    case 'trim':
    case 'cleanUp':
      return lineage[step.type]();
    case 'sync':
      return void checkedSync(lineage);
    case 'cutSync':
      return void checkedSync(lineage, step.after);
    case 'end':
      return lineage.end(step.pick);
    case 'crashAtEnd':
      return lineage.end(step.pick, step.after);
  }
}

describe('syncs again and again, with random resharding, reading, trimming, cleaning and crashes', () => {
  it('never start a shard before its ancestors are read, never at LATEST later, and miss no shard', () => {
    fc.assert(
      fc.property(
        anyInitialPosition,
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ type: fc.constantFrom('split' as const, 'merge' as const), pick }), { maxLength: 4 }),
        fc.array(anyStep, { maxLength: 40 }),
        (initialPosition, shardCount, history, steps) => {
          const lineage = new Lineage(initialPosition, shardCount);
          for (const step of history) perform(lineage, step);
          for (const step of steps) perform(lineage, step);
          // The faults stop: what is listed is read, in rounds.
          const listed = lineage.list(undefined).map((shard) => shard.shardId);
          for (let round = 0; ; round += 1) {
            expect(round).toBeLessThan(200);
            const created = checkedSync(lineage);
            const { endable } = lineage;
            for (let count = endable.length; count > 0; count -= 1) lineage.end(0);
            if (created === 0 && endable.length === 0) break;
          }
          for (const shard of lineage.list(undefined)) {
            const covered = [...lineage.leases.keys()].some(
              (key) => key === shard.shardId || lineage.ancestorsOf(key).has(shard.shardId),
            );
            expect(covered, `${shard.shardId} has no lease and no leased descendant`).toBe(true);
            if (shard.endingSequenceNumber === undefined) expect(lineage.leases.has(shard.shardId)).toBe(true);
          }
          // Born after the first sync, or at any time where all is read from the beginning: never skipped.
          const since = initialPosition.type === 'TRIM_HORIZON' ? 0 : (lineage.shardsAtFirstSync ?? 0);
          const owed = listed.filter((shardId) => Number(shardId.slice(-12)) >= since);
          expect(owed.filter((shardId) => !lineage.everLeased.has(shardId))).toEqual([]);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
