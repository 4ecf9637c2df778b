import { describe, expect, it } from 'vitest';
import type { StreamDescription } from '../../lib/kinesis/kinesis-api.ts';
import { confirmGone } from '../../lib/receiver/confirm-gone.ts';
import { awsError } from '../../lib/testkit/aws-error.ts';
import { Fleet } from './fleet.ts';

const stream = { streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders', streamCreatedAtMillis: 1_000 };
const description: StreamDescription = {
  streamName: 'orders',
  streamArn: stream.streamArn,
  status: 'ACTIVE',
  createdAtMillis: 1_000,
  retentionPeriodHours: 24,
};
const shard = (shardId: string) => ({
  shardId,
  parentShardIds: [],
  startingHashKey: '0',
  endingHashKey: '9',
  startingSequenceNumber: '1',
});
const never = new AbortController().signal;

const ask = (described: Partial<StreamDescription>, listed: readonly string[]) =>
  confirmGone(
    'shard-1',
    {
      stream,
      describe: () => Promise.resolve({ ...description, ...described }),
      listShards: () => Promise.resolve(listed.map(shard)),
    },
    never,
  );

describe('confirmGone()', () => {
  it('says yes when the stream is the same, lists shards, and this one is not among them', async () => {
    expect(await ask({}, ['shard-2', 'shard-3'])).toBe(true);
  });

  it('says no when the shard is listed after all', async () => {
    expect(await ask({}, ['shard-1', 'shard-2'])).toBe(false);
  });

  it('throws when the stream was created anew', async () => {
    await expect(ask({ createdAtMillis: 2_000 }, ['shard-2'])).rejects.toMatchObject({ code: 'MR_STREAM_CHANGED' });
  });

  it('throws when the stream lists nothing, as one does that is being deleted', async () => {
    await expect(ask({}, [])).rejects.toMatchObject({ code: 'MR_STREAM_NOT_ACTIVE' });
  });
});

describe('a shard that cannot be read', () => {
  it('does not end the worker: it gives the lease back, keeps off it for a minute, and reads the others', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const [first] = fleet.kinesis.openShards;
    let isBroken = true;
    fleet.kinesis.intercept((call, proceed) => {
      const ofFirst = call.operation === 'getShardIterator' && call.shardId === first?.shardId;
      if (isBroken && ofFirst) throw awsError('InvalidArgumentException');
      return proceed();
    });
    const worker = fleet.start('a');
    fleet.put(20);
    await fleet.clock.advance(30_000);
    expect(worker.outcome).toBeUndefined();
    expect(worker.numbers.length).toBeGreaterThan(0);
    expect(fleet.verdict.missing.length).toBeGreaterThan(0);
    expect(worker.eventsOf('fault.seen').some((event) => event.subject.lease === first?.shardId)).toBe(true);
    isBroken = false;
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 120_000 });
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });

  it('goes to another worker, which may be able to read it', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.kinesis.intercept((call, proceed) => {
      if (call.caller === 'a' && call.operation === 'getShardIterator') throw awsError('InvalidArgumentException');
      return proceed();
    });
    fleet.start('b');
    await fleet.clock.advance(15_000);
    const broken = fleet.start('a');
    fleet.put(20);
    await fleet.clock.advance(40_000);
    fleet.put(20);
    await fleet.clock.runUntil(() => fleet.allDelivered, { atMostMillis: 30_000 });
    expect(broken.numbers).toEqual([]);
    expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
  });
});
