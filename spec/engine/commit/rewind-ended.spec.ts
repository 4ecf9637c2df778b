import { expect, it } from 'vitest';
import { isEnded } from '../../../lib/lease/lease.ts';
import { Reshards } from './reshards.ts';

const { signal } = new AbortController();
const root = 'shardId-000000000000';

/** An application that has split its only shard, and a time at which half of that was counted. */
async function split() {
  const reshards = new Reshards();
  const { fleet } = reshards;
  const process = await reshards.start('application', 500);
  await reshards.feed([root], 5);
  const before = new Date(fleet.clock.wallMillis());
  await reshards.feed([root], 5);
  const children = fleet.kinesis.split(root);
  await reshards.feed(children, 10);
  const lease = reshards.rowOf(root);
  expect(lease !== undefined && isEnded(lease)).toBe(true);
  expect(await reshards.wrong()).toEqual([]);
  /** The process that was taken back ends, and another one goes on. */
  const goOn = async () => {
    reshards.shown.clear();
    await fleet.clock.runUntil(() => process.fault !== undefined);
    process.kill();
    await reshards.start('application', 500);
  };
  return { reshards, fleet, before, children, goOn };
}

it('an application goes back to when a shard was read that has ended since: it is read on', async () => {
  const { reshards, before, goOn } = await split();
  await reshards.admin.rewind({ to: before });
  // At once: the leader may delete it before anybody goes on.
  expect(reshards.rowOf(root)?.checkpoint.kind).toBe('SEQUENCE');
  await goOn();
  expect(await reshards.wrong()).toEqual([]);
});

it('the lease of such a shard that is deleted while the application is taken back is made again', async () => {
  const { reshards, fleet, before, goOn } = await split();
  fleet.epochPlace.onWrite = ({ owner }) => {
    const lease = reshards.rowOf(root);
    if (owner === 'millrace state' && lease !== undefined) void fleet.table.deleteEnded(lease, signal);
  };
  await reshards.admin.rewind({ to: before });
  expect(reshards.rowOf(root)).toMatchObject({ checkpoint: { kind: 'SEQUENCE' }, caughtUpAtMillis: 0 });
  expect(reshards.rowOf(root)).not.toHaveProperty('leaseOwner');
  await goOn();
  expect(await reshards.wrong()).toEqual([]);
});

it('is refused when the lease of such a shard is deleted, since nobody would read it: nothing is written', async () => {
  const { reshards, fleet, before, children } = await split();
  await reshards.feed(children, async () => reshards.rowOf(root) === undefined);
  const asItIs = () => JSON.stringify([fleet.epochPlace.row?.epoch, fleet.table.rows.map(({ leaseKey }) => leaseKey)]);
  const rows = asItIs();
  for (const dryRun of [true, false]) {
    await expect(reshards.admin.rewind({ to: before, dryRun })).rejects.toMatchObject({
      code: 'MR_CONFIG_INVALID',
      message: expect.stringMatching(
        /cannot go back to batch \d+: shard shardId-000000000000 would be read from \d+:0 again/,
      ),
    });
  }
  expect(asItIs()).toBe(rows);
  // To when all of it was counted it can go.
  await expect(reshards.admin.rewind({ to: { versionsBack: 5 } })).resolves.toMatchObject([{ applied: true }]);
});

it('is refused when a shard began and ended since, of which only the versions between know', async () => {
  const { reshards, fleet, children } = await split();
  const [lower, upper] = children;
  const grandchildren = fleet.kinesis.split(lower);
  const read = [upper, ...grandchildren];
  await reshards.feed(read, async () => reshards.rowOf(lower) === undefined);
  const versions = async () => (await reshards.admin.inspect()).groups[0]?.versions ?? [];
  // It leaves the manifests when its lease is gone.
  await reshards.feed(read, async () => !(lower in ((await versions()).at(-1)?.positions ?? {})));
  const first = (await versions()).findLast(
    ({ positions }) => positions[root] === 'SHARD_END' && !(lower in positions),
  );
  const to = { batchId: first?.batchId ?? 0 };
  await expect(reshards.admin.rewind({ to })).rejects.toThrow(`shard ${lower} would be read from its beginning again`);
});
