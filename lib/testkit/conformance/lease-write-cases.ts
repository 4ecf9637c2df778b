import { AT_TIMESTAMP, LATEST, SHARD_END, TRIM_HORIZON, positionOf } from '../../base/position.ts';
import type { Lease } from '../../lease/lease.ts';
import {
  type LeaseWrite,
  assignLease,
  beginTenure,
  checkpointLease,
  completeHandoff,
  completeUnreadHandoff,
  evictLease,
  inheritState,
  initiateHandoff,
  markFirstSyncEnded,
  nameChildren,
  nameHashRange,
  releaseLease,
  prepareCheckpoint,
  renewLease,
  seekLease,
  withdrawHandoff,
} from '../../lease/lease-write.ts';

/** One write of `lease-write.ts` on one row: what it makes of the row, and the rows on which it must be refused. */
export interface LeaseWriteCase {
  readonly name: string;
  readonly before: Lease;
  readonly write: LeaseWrite;
  readonly after: Lease;
  /** One row per part of the condition that does not hold, named by that part. */
  readonly refusedOn: Readonly<Record<string, Lease>>;
}

const checkpoint = positionOf('49590338271490256608559692538361571095921575989136588898', 3);

/** A lease that `me` holds since counter 5. */
export const heldLease: Lease = {
  leaseKey: 'shardId-000000000007',
  leaseCounter: 7,
  leaseOwner: 'me',
  tenure: 5,
  ownerSwitchesSinceCheckpoint: 2,
  checkpoint,
  parentShardIds: ['shardId-000000000001', 'shardId-000000000002'],
  childShardIds: [],
  hashKeyRange: { startingHashKey: '0', endingHashKey: '340282366920938463463374607431768211455' },
  streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders',
  streamCreatedAtMillis: 1_700_000_000_123,
};

const unowned = without(heldLease, 'leaseOwner');
const appeared: Lease = { ...heldLease, checkpointOwner: 'other' };
const inHandoff: Lease = { ...heldLease, leaseOwner: 'other', checkpointOwner: 'me' };
const fence = { leaseKey: heldLease.leaseKey, leaseCounter: 7, tenure: 5 };
const otherCounter: Lease = { ...heldLease, leaseCounter: 8 };
const otherTenure: Lease = { ...heldLease, tenure: 6 };
const noTenure = without(heldLease, 'tenure');
const brokenFence = { leaseCounter: otherCounter, tenure: otherTenure, 'tenure, which is absent': noTenure };
const timestampOf = (sentinel: 'LATEST' | 'AT_TIMESTAMP') => (sentinel === 'LATEST' ? 42 : 43);
const end = positionOf('49590338271490256608559692538361571095921575989136588899', 0);
const pending = { pendingCheckpoint: checkpoint, pendingCheckpointState: Uint8Array.of(1, 2, 255) };

/** Every write, applied and refused for each part of its condition (kcl.md 1.5). */
export const leaseWriteCases: readonly LeaseWriteCase[] = [
  {
    name: 'beginTenure stores the new counter as tenure',
    before: { ...heldLease, ...pending },
    write: beginTenure(heldLease, 'me', timestampOf),
    after: { ...heldLease, ...pending, leaseCounter: 8, tenure: 8 },
    refusedOn: {
      leaseCounter: otherCounter,
      leaseOwner: { ...heldLease, leaseOwner: 'other' },
      'leaseOwner, which is absent': unowned,
      checkpointOwner: { ...heldLease, checkpointOwner: 'other' },
    },
  },
  {
    name: 'beginTenure resolves LATEST where no timestamp is stored',
    before: { ...heldLease, checkpoint: LATEST },
    write: beginTenure({ ...heldLease, checkpoint: LATEST }, 'me', timestampOf),
    after: { ...heldLease, checkpoint: LATEST, leaseCounter: 8, tenure: 8, initialTimestampMillis: 42 },
    refusedOn: {},
  },
  {
    name: 'beginTenure resolves AT_TIMESTAMP where no timestamp is stored',
    before: { ...heldLease, checkpoint: AT_TIMESTAMP },
    write: beginTenure({ ...heldLease, checkpoint: AT_TIMESTAMP }, 'me', timestampOf),
    after: { ...heldLease, checkpoint: AT_TIMESTAMP, leaseCounter: 8, tenure: 8, initialTimestampMillis: 43 },
    refusedOn: {},
  },
  {
    name: 'beginTenure keeps the timestamp that is stored',
    before: { ...heldLease, checkpoint: LATEST, initialTimestampMillis: 7 },
    write: beginTenure({ ...heldLease, checkpoint: LATEST, initialTimestampMillis: 7 }, 'me', timestampOf),
    after: { ...heldLease, checkpoint: LATEST, leaseCounter: 8, tenure: 8, initialTimestampMillis: 7 },
    refusedOn: {},
  },
  {
    name: 'renewLease raises the counter and leaves the rest alone',
    before: { ...heldLease, ...pending, engineState: 'text', throughputKBps: 1.5 },
    write: renewLease(fence),
    after: { ...heldLease, ...pending, engineState: 'text', throughputKBps: 1.5, leaseCounter: 8 },
    refusedOn: { ...brokenFence, checkpointOwner: inHandoff },
  },
  {
    name: 'renewLease carries the throughput',
    before: { ...heldLease, throughputKBps: 1.5 },
    write: renewLease(fence, { throughputKBps: 0.000311 }),
    after: { ...heldLease, leaseCounter: 8, throughputKBps: 0.000311 },
    refusedOn: {},
  },
  {
    name: 'renewLease goes on during a handoff that the old owner knows of',
    before: inHandoff,
    write: renewLease({ ...fence, handoffTo: 'other' }),
    after: { ...inHandoff, leaseCounter: 8 },
    refusedOn: { leaseCounter: { ...inHandoff, leaseCounter: 8 }, tenure: { ...inHandoff, tenure: 6 } },
  },
  {
    name: 'prepareCheckpoint writes the pending checkpoint with its state, beside the checkpoint',
    before: heldLease,
    write: prepareCheckpoint(fence, end, Uint8Array.of(0, 255)),
    after: {
      ...heldLease,
      leaseCounter: 8,
      pendingCheckpoint: end,
      pendingCheckpointState: Uint8Array.of(0, 255),
    },
    refusedOn: brokenFence,
  },
  {
    name: 'prepareCheckpoint without a state removes the one of an earlier prepared checkpoint',
    before: { ...heldLease, ...pending },
    write: prepareCheckpoint(fence, end, undefined),
    after: { ...heldLease, leaseCounter: 8, pendingCheckpoint: end },
    refusedOn: {},
  },
  {
    name: 'checkpointLease writes the position, forgets the switches and drops the pending checkpoint',
    before: { ...heldLease, ...pending },
    write: checkpointLease(fence, end),
    after: { ...heldLease, leaseCounter: 8, checkpoint: end, ownerSwitchesSinceCheckpoint: 0 },
    refusedOn: brokenFence,
  },
  {
    name: 'checkpointLease is allowed to the old owner during a handoff',
    before: inHandoff,
    write: checkpointLease(fence, end),
    after: { ...inHandoff, leaseCounter: 8, checkpoint: end, ownerSwitchesSinceCheckpoint: 0 },
    refusedOn: {},
  },
  {
    name: 'checkpointLease writes SHARD_END with the text of the engine',
    before: { ...heldLease, engineState: 'old', caughtUpAtMillis: 1 },
    write: checkpointLease(fence, SHARD_END, { engineState: '{"batch":8}', caughtUpAtMillis: 1_700_000_000_456 }),
    after: {
      ...heldLease,
      leaseCounter: 8,
      checkpoint: SHARD_END,
      ownerSwitchesSinceCheckpoint: 0,
      engineState: '{"batch":8}',
      caughtUpAtMillis: 1_700_000_000_456,
    },
    refusedOn: {},
  },
  {
    name: 'inheritState puts what a parent left to what the other one left, without a bump of the counter',
    before: { ...heldLease, engineInherit: ['one'] },
    write: inheritState(heldLease.leaseKey, ['two']),
    after: { ...heldLease, engineInherit: ['one', 'two'] },
    refusedOn: {},
  },
  {
    name: 'inheritState changes nothing when it is done twice',
    before: { ...heldLease, engineInherit: ['one'] },
    write: inheritState(heldLease.leaseKey, ['one']),
    after: { ...heldLease, engineInherit: ['one'] },
    refusedOn: {},
  },
  ...assigningCases(),
  ...handoffCases(),
  ...releasingCases(),
  {
    name: 'seekLease moves a held lease, removes its owner and drops the pending checkpoint',
    before: { ...heldLease, ...pending, caughtUpAtMillis: 1 },
    write: seekLease(heldLease, end),
    after: { ...unowned, leaseCounter: 8, checkpoint: end, ownerSwitchesSinceCheckpoint: 0 },
    refusedOn: { leaseCounter: otherCounter },
  },
  {
    name: 'seekLease puts what a shard goes on from in the place of what its parents left, and removes its own pointer',
    before: { ...heldLease, engineState: 'own', engineInherit: ['one', 'two'] },
    write: seekLease(heldLease, end, undefined, { state: null, inherit: ['other'] }),
    after: {
      ...unowned,
      leaseCounter: 8,
      checkpoint: end,
      ownerSwitchesSinceCheckpoint: 0,
      engineInherit: ['other'],
    },
    refusedOn: {},
  },
  {
    name: 'seekLease to LATEST says what it means, and ends a handoff',
    before: inHandoff,
    write: seekLease(inHandoff, LATEST, 42),
    after: {
      ...unowned,
      leaseCounter: 8,
      checkpoint: LATEST,
      initialTimestampMillis: 42,
      ownerSwitchesSinceCheckpoint: 0,
    },
    refusedOn: {},
  },
  {
    name: 'nameHashRange leaves the counter alone',
    before: without(heldLease, 'hashKeyRange'),
    write: nameHashRange(heldLease.leaseKey, { startingHashKey: '7', endingHashKey: '9' }),
    after: { ...heldLease, hashKeyRange: { startingHashKey: '7', endingHashKey: '9' } },
    refusedOn: {},
  },
  {
    name: 'nameChildren leaves the counter alone',
    before: heldLease,
    write: nameChildren(heldLease.leaseKey, ['shardId-000000000008', 'shardId-000000000009']),
    after: { ...heldLease, childShardIds: ['shardId-000000000008', 'shardId-000000000009'] },
    refusedOn: {},
  },
  {
    name: 'nameChildren with no children leaves none',
    before: { ...heldLease, childShardIds: ['shardId-000000000008'] },
    write: nameChildren(heldLease.leaseKey, []),
    after: heldLease,
    refusedOn: {},
  },
  {
    name: 'markFirstSyncEnded leaves the counter alone',
    before: heldLease,
    write: markFirstSyncEnded(heldLease.leaseKey),
    after: { ...heldLease, firstSyncEnded: true },
    refusedOn: {},
  },
];

function assigningCases(): readonly LeaseWriteCase[] {
  return [
    {
      name: 'assignLease takes an expired lease from its owner and counts a switch',
      before: heldLease,
      write: assignLease(heldLease, 'other'),
      after: { ...heldLease, leaseOwner: 'other', leaseCounter: 8, ownerSwitchesSinceCheckpoint: 3 },
      refusedOn: {
        leaseCounter: otherCounter,
        leaseOwner: { ...heldLease, leaseOwner: 'third' },
        'leaseOwner, which is absent': unowned,
        checkpointOwner: appeared,
      },
    },
    {
      name: 'assignLease gives an unowned lease, which is no switch',
      before: { ...unowned, checkpoint: TRIM_HORIZON },
      write: assignLease({ ...unowned, checkpoint: TRIM_HORIZON }, 'other'),
      after: {
        ...unowned,
        checkpoint: TRIM_HORIZON,
        leaseOwner: 'other',
        leaseCounter: 8,
      },
      refusedOn: { 'leaseOwner, which has appeared': { ...heldLease, checkpoint: TRIM_HORIZON } },
    },
    {
      name: 'assignLease to the owner itself counts no switch',
      before: heldLease,
      write: assignLease(heldLease, 'me'),
      after: { ...heldLease, leaseCounter: 8 },
      refusedOn: {},
    },
    {
      name: 'assignLease gives a lease back to the old owner of a handoff and counts a switch, as KCL does',
      before: inHandoff,
      write: assignLease(inHandoff, 'me'),
      after: { ...heldLease, leaseCounter: 8, ownerSwitchesSinceCheckpoint: 3 },
      refusedOn: {},
    },
    {
      name: 'assignLease ends a handoff that never ended',
      before: inHandoff,
      write: assignLease(inHandoff, 'other'),
      after: {
        ...without(inHandoff, 'checkpointOwner'),
        leaseOwner: 'other',
        leaseCounter: 8,
      },
      refusedOn: {
        'checkpointOwner, which is absent': without(inHandoff, 'checkpointOwner'),
        checkpointOwner: { ...inHandoff, checkpointOwner: 'third' },
      },
    },
  ];
}

function handoffCases(): readonly LeaseWriteCase[] {
  return [
    {
      name: 'withdrawHandoff leaves the lease to its old owner, and its counter as it is',
      before: inHandoff,
      write: withdrawHandoff(inHandoff),
      after: { ...without(inHandoff, 'checkpointOwner'), leaseOwner: 'me' },
      refusedOn: {
        leaseOwner: { ...inHandoff, leaseOwner: 'third' },
        checkpointOwner: { ...inHandoff, checkpointOwner: 'third' },
        'checkpointOwner, which is absent': without(inHandoff, 'checkpointOwner'),
      },
    },
    {
      name: 'initiateHandoff names the next owner and leaves the counter to the old one',
      before: heldLease,
      write: initiateHandoff(heldLease, 'other'),
      after: inHandoff,
      refusedOn: {
        leaseOwner: { ...heldLease, leaseOwner: 'third' },
        'leaseOwner, which is absent': unowned,
        checkpointOwner: inHandoff,
      },
    },
    {
      // KCL counts a switch when the owner changes or the old owner takes the lease back: a recorded row shows none here.
      name: 'completeHandoff leaves the lease to its next owner, which is no switch',
      before: inHandoff,
      write: completeHandoff(fence, 'me', 'other'),
      after: { ...without(inHandoff, 'checkpointOwner'), leaseCounter: 8 },
      refusedOn: {
        leaseCounter: { ...inHandoff, leaseCounter: 8 },
        tenure: { ...inHandoff, tenure: 6 },
        leaseOwner: { ...inHandoff, leaseOwner: 'third' },
        checkpointOwner: { ...inHandoff, checkpointOwner: 'third' },
        'checkpointOwner, which is absent': without(inHandoff, 'checkpointOwner'),
      },
    },
    {
      name: 'completeUnreadHandoff leaves a lease that was never begun to its next owner',
      before: inHandoff,
      write: completeUnreadHandoff(inHandoff),
      after: { ...without(inHandoff, 'checkpointOwner'), leaseCounter: 8 },
      refusedOn: {
        leaseCounter: { ...inHandoff, leaseCounter: 8 },
        leaseOwner: { ...inHandoff, leaseOwner: 'third' },
        checkpointOwner: { ...inHandoff, checkpointOwner: 'third' },
        'checkpointOwner, which is absent': without(inHandoff, 'checkpointOwner'),
      },
    },
  ];
}

function releasingCases(): readonly LeaseWriteCase[] {
  return [
    {
      name: 'releaseLease gives a held lease to a worker',
      before: heldLease,
      write: releaseLease(fence, 'other'),
      after: { ...heldLease, leaseOwner: 'other', leaseCounter: 8, ownerSwitchesSinceCheckpoint: 3 },
      refusedOn: { ...brokenFence, checkpointOwner: inHandoff },
    },
    {
      name: 'releaseLease to nobody removes the owner',
      before: heldLease,
      write: releaseLease(fence, undefined),
      after: { ...unowned, leaseCounter: 8 },
      refusedOn: { ...brokenFence, checkpointOwner: inHandoff },
    },
    {
      name: 'evictLease removes the owner',
      before: heldLease,
      write: evictLease(heldLease),
      after: { ...unowned, leaseCounter: 8 },
      refusedOn: {
        leaseCounter: otherCounter,
        leaseOwner: { ...heldLease, leaseOwner: 'third' },
        'leaseOwner, which is absent': unowned,
        checkpointOwner: appeared,
      },
    },
    {
      name: 'evictLease during a handoff leaves the lease to its next owner',
      before: inHandoff,
      write: evictLease(inHandoff),
      after: { ...without(inHandoff, 'checkpointOwner'), leaseCounter: 8 },
      refusedOn: { 'checkpointOwner, which is absent': without(inHandoff, 'checkpointOwner') },
    },
  ];
}

function without<K extends keyof Lease>(lease: Lease, key: K): Lease {
  const { [key]: _, ...rest } = lease;
  return rest as Lease;
}
