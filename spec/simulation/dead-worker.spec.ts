import { describe, expect, it } from 'vitest';
import { whyNotConverged } from '../../lib/testkit/convergence.ts';
import { type Fleet, createFleet } from '../../lib/testkit/fleet.ts';

/** A fleet that shares its leases, and the lines that its leaders write about what they give to whom from now on. */
async function balanced(seed: number, workers: number): Promise<{ fleet: Fleet; gifts: string[] }> {
  const gifts: string[] = [];
  const fleet = createFleet({
    seed,
    shards: 3 * workers,
    workers,
    leaseAssignmentStrategy: 'LEASE_COUNT_BASED',
    onLine: (line) => {
      if (/lease\.(handoff|assigned) /.test(line)) gifts.push(line);
    },
  });
  await fleet.runUntil(() => whyNotConverged(fleet) === undefined, 120_000);
  // So that the reports and renewals of different seeds stand differently to each other.
  await fleet.advance(10_000 + 700 * seed);
  gifts.length = 0;
  return { fleet, gifts };
}

function giftsTo(name: string, gifts: readonly string[]): readonly string[] {
  return gifts.filter((line) => line.includes(`to=${name}`) || line.includes(`workerIdentifier=${name} `));
}

describe('a worker that has died', () => {
  it.each([1, 2, 3, 4, 5])(
    'is handed nothing of those who live when its own leases have expired but its report is young (seed %i)',
    async (seed) => {
      const { fleet, gifts } = await balanced(seed, 3);
      const victim = fleet.workers.find(({ name }) => name !== fleet.table.lock?.ownerName)!;
      victim.kill();
      await fleet.advance(30_000);
      expect(giftsTo(victim.name, gifts)).toEqual([]);
      expect(whyNotConverged(fleet)).toBeUndefined();
    },
  );

  it.each([1, 2, 3])('is given nothing by its successor when it was the leader (seed %i)', async (seed) => {
    const { fleet, gifts } = await balanced(seed, 3);
    const leader = fleet.table.lock?.ownerName ?? '';
    const other = fleet.workers.find(({ name }) => name !== leader)!;
    fleet.workers.find(({ name }) => name === leader)!.kill();
    // The successor finds new leases to give out, and a row of the dead leader that is younger than F.
    const split = fleet.table.rows.filter((row) => row.leaseOwner === other.name);
    for (const { leaseKey } of split) fleet.split(leaseKey);
    await fleet.runUntil(() => gifts.length > 0);
    await fleet.advance(30_000);
    expect(giftsTo(leader, gifts)).toEqual([]);
    expect(whyNotConverged(fleet)).toBeUndefined();
  });
});
