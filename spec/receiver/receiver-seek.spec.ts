import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import type { SeekTarget } from '../../lib/lease/plan/seek-plan.ts';
import { seekLeases } from '../../lib/lease/seeker.ts';
import type { LeaseTableCall } from '../../lib/testkit/fake-lease-table.ts';
import { Fleet } from './fleet.ts';

const never = new AbortController().signal;
const parent = 'shardId-000000000000';
const [lower, upper] = ['shardId-000000000001', 'shardId-000000000002'];
const longMillis = 600_000;

/** Ten records of a shard, which is split, and ten of its children; all are finished, by a worker that goes on, and the parent's lease is cleaned up. */
async function settled() {
  const fleet = new Fleet();
  fleet.put(10);
  fleet.start('a');
  await fleet.clock.runUntil(() => fleet.allDelivered);
  const splitAtMillis = fleet.kinesis.nowMillis();
  fleet.kinesis.split(parent);
  fleet.put(10);
  await fleet.clock.runUntil(() => isSettled(fleet) && fleet.table.rows.length === 2, { atMostMillis: longMillis });
  return { fleet, splitAtMillis };
}

/** Whether all was read, and the rows say so. */
function isSettled(fleet: Fleet): boolean {
  const isRead = ({ leaseKey, checkpoint }: Lease) =>
    checkpoint.kind === (leaseKey === parent ? 'SHARD_END' : 'SEQUENCE');
  return fleet.allDelivered && fleet.isCheckpointed && fleet.table.rows.every(isRead);
}

function seek(fleet: Fleet, target: SeekTarget) {
  const { table, kinesis } = fleet;
  const [lease] = table.rows;
  const stream = { streamArn: lease?.streamArn ?? '', streamCreatedAtMillis: lease?.streamCreatedAtMillis ?? 0 };
  return seekLeases({ table, stream, shards: kinesis.shards, target, dryRun: false }, never);
}

/** Whether it is a write of a seek: workers renew, checkpoint and hand over, and never set a place without an owner. */
function isOfSeek(call: LeaseTableCall): boolean {
  if (call.name === 'createIfAbsent') return call.lease.leaseKey === parent;
  return call.name === 'write' && call.write.set.checkpoint !== undefined && call.write.clear.includes('leaseOwner');
}

/** A seek whose write after so many is not made, and brings no answer; answers with what it threw. */
async function cutOff(fleet: Fleet, target: SeekTarget, after: number): Promise<MillraceError> {
  let writes = 0;
  fleet.table.intercept = (call) => {
    if (!isOfSeek(call)) return;
    writes += 1;
    if (writes > after) throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer');
  };
  const thrown = await fleet.clock.runUntil(seek(fleet, target).catch((error: unknown) => error));
  fleet.table.intercept = () => {};
  return thrown as MillraceError;
}

describe('a seek that is cut off', () => {
  it.each([1, 2])('back, after write %i, is finished by a second one', async (after) => {
    const { fleet } = await settled();
    await cutOff(fleet, { type: 'TRIM_HORIZON' }, after);
    fleet.put(5);
    await fleet.clock.runUntil(() => isSettled(fleet), { atMostMillis: longMillis });
    expect(fleet.verdict.missing).toEqual([]);
    const before = fleet.timesDelivered;
    const moves = await fleet.clock.runUntil(seek(fleet, { type: 'TRIM_HORIZON' }));
    expect(moves.map(({ shardId }) => shardId)).toEqual([parent, lower, upper]);
    const isReadAgain = () => fleet.timesDelivered.every((times, index) => times > (before[index] ?? 0));
    await fleet.clock.runUntil(() => isReadAgain() && isSettled(fleet), { atMostMillis: longMillis });
    // The parent's records come before its children's.
    const last = fleet.workers[0]?.numbers.slice(-25) ?? [];
    expect(last.slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('back to a time, after its first write, skips nothing', async () => {
    const { fleet, splitAtMillis } = await settled();
    const target = { type: 'AT_TIMESTAMP', timestampMillis: splitAtMillis } as const;
    await cutOff(fleet, target, 1);
    fleet.put(5);
    await fleet.clock.runUntil(() => isSettled(fleet), { atMostMillis: longMillis });
    const before = fleet.timesDelivered;
    await fleet.clock.runUntil(seek(fleet, target));
    const isReadAgain = () => fleet.timesDelivered.every((times, index) => index < 10 || times > (before[index] ?? 0));
    await fleet.clock.runUntil(() => isReadAgain() && isSettled(fleet), { atMostMillis: longMillis });
    expect(fleet.verdict.missing).toEqual([]);
  });

  it('to the newest, after its first write, skips nothing that is put then', async () => {
    const { fleet } = await settled();
    await fleet.clock.advance(1_000);
    const target = { type: 'LATEST', timestampMillis: fleet.kinesis.nowMillis() } as const;
    await fleet.clock.advance(1_000);
    const error = await cutOff(fleet, target, 1);
    expect(error.message).toContain(`seek again to ${new Date(target.timestampMillis).toISOString()}`);
    fleet.put(5);
    await fleet.clock.runUntil(() => isSettled(fleet), { atMostMillis: longMillis });
    await fleet.clock.runUntil(seek(fleet, { ...target, type: 'AT_TIMESTAMP' }));
    fleet.put(5);
    await fleet.clock.runUntil(() => isSettled(fleet), { atMostMillis: longMillis });
    expect(fleet.verdict.missing).toEqual([]);
  });

  it('says which leases have moved, and which have not', async () => {
    const { fleet } = await settled();
    const error = await cutOff(fleet, { type: 'TRIM_HORIZON' }, 1);
    expect(error).toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE', reaction: 'restart' });
    expect(error.message).toContain(
      `no answer; the seek is half done (moved: ${parent}, perhaps moved: ${lower}, not moved: ${upper}): seek again to finish it`,
    );
  });
});
