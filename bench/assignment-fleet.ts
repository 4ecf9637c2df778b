import { SHARD_END, TRIM_HORIZON } from '../lib/base/position.ts';
import { type Random, randomInteger } from '../lib/base/random.ts';
import type { Lease } from '../lib/lease/lease.ts';
import {
  type AssignmentInput,
  type ObservedLease,
  type WorkerView,
  defaultAssignmentOptions,
} from '../lib/lease/plan/utilization-types.ts';

const nowMillis = 10_000_000;

/** What a plan has to do: give out a new table, make up for a quarter of the fleet, or balance a fleet that is whole. */
export const situations = ['start', 'failure', 'balance'] as const;

/** One of {@link situations}. */
export type Situation = (typeof situations)[number];

/** A fleet of that size in that situation; the same random numbers give the same fleet. */
export function makeFleet(situation: Situation, leases: number, workers: number, random: Random): AssignmentInput {
  return {
    leases: Array.from({ length: leases }, (_, index) => makeLease(index, situation, workers, random)),
    workers: Array.from({ length: workers }, (_, index) => makeWorker(index, random)),
    options: defaultAssignmentOptions,
    nowMillis,
    balance: true,
    random,
  };
}

function makeLease(index: number, situation: Situation, workers: number, random: Random): ObservedLease {
  const owner = randomInteger(random, workers);
  const isExpired = situation === 'failure' && owner % 4 === 0;
  const isEnded = index % 20 === 0;
  const lease: Lease = {
    leaseKey: `shardId-${String(index).padStart(12, '0')}`,
    leaseCounter: index,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint: isEnded ? SHARD_END : TRIM_HORIZON,
    parentShardIds: [],
    childShardIds: [],
    ...(situation === 'start' ? {} : { leaseOwner: nameOf(owner), throughputKBps: random.next() * 1_000 }),
  };
  return { lease, unchangedSinceMillis: isExpired ? nowMillis - 10_001 - randomInteger(random, 5_000) : nowMillis };
}

function makeWorker(index: number, random: Random): WorkerView {
  const values = Array.from({ length: 10 }, () => 5 + random.next() * 90);
  return { workerIdentifier: nameOf(index), metrics: { sts: { C: values }, opr: { C: [100] } }, reportsSinceMove: 3 };
}

function nameOf(index: number): string {
  return `worker-${index}.example`;
}
