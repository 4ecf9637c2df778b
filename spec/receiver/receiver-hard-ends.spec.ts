import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';
import { Fleet, noAnswer, wait } from './fleet.ts';

const outcomeOf = (ending: Promise<void>) =>
  ending.then(
    () => 'clean',
    (thrown: unknown) => (thrown as MillraceError).code,
  );

describe('a drain', () => {
  it('is not clean when the lease was lost with blocks out', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const worker = fleet.start('a', { handle: (_, self) => wait(self, 20_000) });
    await fleet.clock.runUntil(() => worker.blocks.length === 1);
    fleet.table.intercept = () => {
      throw noAnswer();
    };
    expect(await fleet.clock.runUntil(outcomeOf(worker.drain()))).toBe('MR_DRAIN_TIMEOUT');
  });

  it('tells every second which shards it waits for, until they are finished', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const [slow, quick] = fleet.kinesis.openShards.map(({ shardId }) => shardId) as [string, string];
    fleet.put(1, slow);
    fleet.put(1, quick);
    const worker = fleet.start('a', { handle: (block, self) => wait(self, block.shardId === slow ? 5_500 : 10) });
    await fleet.clock.runUntil(() => worker.blocks.length === 2);
    await fleet.clock.runUntil(worker.drain());
    const told = worker.eventsOf('worker.draining');
    expect(told.map(({ shards, blocks }) => [...shards, blocks])).toEqual(Array.from({ length: 5 }, () => [slow, 1]));
    expect(told.map(({ forMillis }) => forMillis)).toEqual([1_000, 2_000, 3_000, 4_000, 5_000]);
    expect(worker.outcome).toBe('resolved');
  });

  it('in which a process of the same name shows itself leaves that one its leases', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(20);
    const first = fleet.start('a', { handle: (_, self) => wait(self, 15_000) });
    await fleet.clock.runUntil(() => first.blocks.length >= 2);
    const drained = outcomeOf(first.drain());
    await fleet.clock.advance(100);
    const second = fleet.start('a');
    await fleet.clock.runUntil(() => second.eventsOf('lease.gained').length === 2, { atMostMillis: 20_000 });
    expect(await fleet.clock.runUntil(drained)).toBe('MR_WORKER_DUPLICATE');
    await fleet.clock.advance(8_000);
    expect(second.eventsOf('lease.lost')).toEqual([]);
  });
});

describe('a bounded run whose shards cannot be read', () => {
  it.each([
    ['are refused', () => awsError('InvalidArgumentException')],
    ['cannot be reached', () => networkError('ECONNREFUSED')],
  ])('ends with the fault when they %s', async (_, fault) => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(5);
    fleet.kinesis.intercept((call, proceed) => {
      if (call.operation === 'getShardIterator' || call.operation === 'getRecords') throw fault();
      return proceed();
    });
    const worker = fleet.start('a', { until: { type: 'CAUGHT_UP' } });
    await fleet.clock.advance(3_600_000);
    expect(worker.hasEnded).toBe(true);
    expect(worker.outcome).not.toBe('resolved');
  });
});

describe('a row that fails', () => {
  it('does not keep the other leases from being begun', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const [first] = fleet.kinesis.openShards;
    fleet.table.intercept = (call) => {
      if (call.name === 'get' && call.key === first?.shardId) {
        throw new MillraceError('MR_THROTTLED', 'injected', { reaction: 'retry' });
      }
    };
    const worker = fleet.start('a');
    await fleet.clock.runUntil(() => worker.eventsOf('lease.gained').length === 3, { atMostMillis: 5_000 });
    expect(worker.eventsOf('lease.gained').map((event) => event.leaseKey)).not.toContain(first?.shardId);
  });
});
