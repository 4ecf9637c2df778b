import { isEnded } from '../lease/lease.ts';
import { whyNotOwned } from './convergence.ts';
import type { QuietAct } from './faults.ts';
import type { Fleet } from './fleet.ts';
import type { FleetWorker } from './fleet-worker.ts';
import type { Random } from '../base/random.ts';
import { pick } from './fork-random.ts';

/** What {@link disturbQuietly} needs. */
export interface QuietOptions {
  readonly fleet: Fleet;
  readonly random: Random;
  /** Starts a worker without faults. */
  readonly startWorker: (name: string) => FleetWorker;
}

/** Beyond what expiry takes: the leader's look, the discovery of the new owner, and round trips. */
const takeoverSlackMillis = 4_000;
/** Records that are put while it happens. */
const putsMeanwhile = 10;
const putEveryMillis = 300;

/**
 * Does one thing to a fleet that has come through its faults, while records are put. Then everything must go smoothly: what
 * a dead worker held is read on within F, or twice F when it was the leader, and a lease that moves repeats nothing.
 * Whether the fleet converges again is for the caller to see. Answers whether there was anything to do it to.
 * @throws BrokenPromise
 */
export async function disturbQuietly(act: QuietAct, options: QuietOptions): Promise<boolean> {
  const { fleet, random, startWorker } = options;
  switch (act) {
    case 'joinQuietly':
      startWorker(`late-${fleet.workers.length}`);
      await putMeanwhile(fleet);
      return true;
    case 'loseLeaseQuietly': {
      const { openShards } = fleet.kinesis;
      if (openShards.length >= 16) return false;
      fleet.loseNextLease();
      fleet.split(pick(random, openShards).shardId);
      await putMeanwhile(fleet);
      return true;
    }
    case 'killWorkerQuietly':
      return killQuietly(options, 1, ({ name }) => name !== fleet.table.lock?.ownerName);
    case 'killLeaderQuietly':
      return killQuietly(options, 2, ({ name }) => name === fleet.table.lock?.ownerName);
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
  const boundMillis = failovers * fleet.settings.failoverTimeMillis + takeoverSlackMillis;
  const sinceMillis = fleet.clock.monotonicMillis();
  await putMeanwhile(fleet);
  for (;;) {
    const unread = held.find((before) => isUnread(fleet, before.leaseKey, before.tenure));
    const why = whyNotOwned(fleet) ?? (unread === undefined ? undefined : `nobody reads ${unread.leaseKey}`);
    if (why === undefined) return true;
    if (fleet.clock.monotonicMillis() - sinceMillis > boundMillis) {
      fleet.fail(`${boundMillis} ms after the death of ${victim.id} ${why}`);
      fleet.check();
    }
    await fleet.advance(250);
  }
}

function isUnread({ table }: Fleet, leaseKey: string, tenure: number | undefined): boolean {
  const row = table.rows.find((one) => one.leaseKey === leaseKey);
  return row !== undefined && !isEnded(row) && row.tenure === tenure;
}

async function putMeanwhile(fleet: Fleet): Promise<void> {
  for (let number = 1; number <= putsMeanwhile; number += 1) {
    fleet.put(`quiet-${number}`);
    await fleet.advance(putEveryMillis);
  }
}
