import type { Random } from '../base/random.ts';
import { isEnded } from '../lease/lease.ts';
import { whyNotOwned } from './convergence.ts';
import type { QuietAct } from './faults.ts';
import type { Fleet } from './fleet.ts';
import type { FleetWorker } from './fleet-worker.ts';
import { pick } from './fork-random.ts';

/** What {@link disturbQuietly} needs. */
export interface QuietOptions {
  readonly fleet: Fleet;
  readonly random: Random;
  /** Starts a worker without faults. */
  readonly startWorker: (name: string) => FleetWorker;
  /** Waits until the fleet has converged. */
  readonly converge: () => Promise<void>;
}

/** Beyond what expiry takes: the leader's look, the discovery of the new owner, and round trips. */
const takeoverSlackMillis = 4_000;
/** A leader looks for holes every 10 s; it confirms one by a second look, and lists the shards. */
const repairMillis = 16_000;
const putEveryMillis = 300;
/** So long is a worker that joins watched under load: longer than a handoff may take. */
const joinMillis = 12_000;
/** No stream of a simulation has more open shards. */
const maxOpenShards = 16;

/**
 * Does one thing to a fleet that has come through its faults, while records are put. Then everything must go smoothly: what
 * a dead worker held is read on within F, or twice F when it was the leader; a lost lease is back as soon as the leader has
 * looked for holes; a lease that moves repeats nothing. Whether the fleet converges again is for the caller to see. Answers
 * whether there was anything to do it to.
 * @throws BrokenPromise
 */
export async function disturbQuietly(act: QuietAct, options: QuietOptions): Promise<boolean> {
  const { fleet, startWorker, converge } = options;
  const isLeader = ({ name }: FleetWorker) => name === fleet.table.lock?.ownerName;
  switch (act) {
    case 'joinQuietly':
      startWorker(`late-${fleet.workers.length}`);
      await putFor(fleet, joinMillis + fleet.settings.failoverTimeMillis / 3);
      return true;
    case 'loseLeaseQuietly':
      return loseQuietly(options);
    case 'killWorkerQuietly':
    case 'killLeaderQuietly': {
      if (fleet.workers.filter((worker) => worker.isAlive).length < 2) {
        startWorker(`late-${fleet.workers.length}`);
        await fleet.advance(fleet.settings.failoverTimeMillis);
        await converge();
      }
      return act === 'killLeaderQuietly'
        ? killQuietly(options, 2, isLeader)
        : killQuietly(options, 1, (worker) => !isLeader(worker));
    }
  }
}

/** Kills a worker, and sees to it that others read on what it has held within so many F. */
async function killQuietly(
  { fleet, random }: QuietOptions,
  failovers: number,
  isChosen: (worker: FleetWorker) => boolean,
): Promise<boolean> {
  const alive = fleet.workers.filter((worker) => worker.isAlive);
  const chosen = alive.filter((worker) => isChosen(worker) && !worker.hasTwin);
  if (alive.length < 2 || chosen.length === 0) return false;
  const victim = pick(random, chosen);
  const held = fleet.table.rows.filter((row) => row.leaseOwner === victim.name && !isEnded(row));
  fleet.trace.add(victim.id, 'is killed');
  victim.kill();
  const killedAtMillis = fleet.clock.monotonicMillis();
  const boundMillis = failovers * fleet.settings.failoverTimeMillis + takeoverSlackMillis;
  // For a while nobody can know of the death, and leases may still be given to the dead.
  const sinceMillis = () => Math.max(killedAtMillis, fleet.givenAtMillis(victim.name));
  await within({ fleet, boundMillis, sinceMillis, since: `the death of ${victim.id}` }, () => {
    const unread = held.find(({ leaseKey, tenure }) => isUnread(fleet, leaseKey, tenure));
    return whyNotOwned(fleet) ?? (unread === undefined ? undefined : `nobody reads ${unread.leaseKey}`);
  });
  return true;
}

function isUnread({ table }: Fleet, leaseKey: string, tenure: number | undefined): boolean {
  const row = table.rows.find((one) => one.leaseKey === leaseKey);
  return row !== undefined && !isEnded(row) && row.tenure === tenure;
}

/** Splits a shard and loses the lease of a child before anybody begins to read it. */
async function loseQuietly({ fleet, random }: QuietOptions): Promise<boolean> {
  const { openShards } = fleet.kinesis;
  if (openShards.length >= maxOpenShards) return false;
  const before = fleet.lostLeases.length;
  fleet.loseNextLease();
  fleet.split(pick(random, openShards).shardId);
  await putFor(fleet, takeoverSlackMillis);
  fleet.loseNextLease(false);
  const lost = fleet.lostLeases.slice(before);
  const lostAtMillis = fleet.clock.monotonicMillis();
  const sinceMillis = () => lostAtMillis;
  await within({ fleet, boundMillis: repairMillis, sinceMillis, since: `the loss of ${lost.join()}` }, () => {
    const missing = lost.find((leaseKey) => fleet.table.rows.every((row) => row.leaseKey !== leaseKey));
    return missing === undefined ? undefined : `${missing} has no lease`;
  });
  return lost.length > 0;
}

interface Bound {
  readonly fleet: Fleet;
  readonly boundMillis: number;
  /** From when it counts. */
  readonly sinceMillis: () => number;
  /** What has happened then. */
  readonly since: string;
}

/** Lets time pass, while records are put, until nothing is lacking. */
async function within(
  { fleet, boundMillis, sinceMillis, since }: Bound,
  lacks: () => string | undefined,
): Promise<void> {
  for (;;) {
    await putFor(fleet, putEveryMillis);
    const why = lacks();
    if (why === undefined) return;
    if (fleet.clock.monotonicMillis() - sinceMillis() > boundMillis) {
      fleet.fail(`${boundMillis} ms after ${since} ${why}`);
      fleet.check();
    }
  }
}

async function putFor(fleet: Fleet, millis: number): Promise<void> {
  for (let passed = 0; passed < millis; passed += putEveryMillis) {
    const count = Math.ceil(fleet.kinesis.openShards.length / 4);
    for (let number = 1; number <= count; number += 1) fleet.put(`quiet-${fleet.ledger.recordCount}`);
    await fleet.advance(putEveryMillis);
  }
}
