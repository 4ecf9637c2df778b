import { describe, expect, it } from 'vitest';
import { deferred } from '../../../lib/base/service.ts';
import type { DeadLetter } from '../../../lib/receiver/dead-letter.ts';
import { FeedRig } from './rig.ts';

describe('an engine that is fed', () => {
  it('gets the blocks of an interval as one batch at its tick, and they are acked when it resolves', async () => {
    const gate = deferred();
    const rig = new FeedRig(() => gate.promise);
    rig.source.push('a', ['1', '2']);
    rig.source.push('b', ['3']);
    await rig.clock.advance(999);
    expect(rig.taken).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.taken.map(({ texts }) => texts)).toEqual([['1', '2', '3']]);
    expect(rig.taken[0]?.context).toMatchObject({ batchTimeMillis: 1_001_000, attempt: 1 });
    expect(rig.source.acked).toEqual([]);
    gate.resolve();
    await rig.clock.advance(0);
    expect(rig.source.ackedTexts).toEqual(['a@1 (TRIM_HORIZON, 101:0]', 'b@1 (TRIM_HORIZON, 100:0]']);
  });

  it('gets one batch at a time; what arrives meanwhile is the next one, at once when its tick has passed', async () => {
    const gates = [deferred(), deferred()];
    const rig = new FeedRig(() => gates[rig.taken.length - 1]?.promise);
    rig.source.push('a', ['1']);
    await rig.clock.advance(1_000);
    rig.source.push('a', ['2']);
    await rig.clock.advance(2_500);
    rig.source.push('a', ['3']);
    expect(rig.taken.length).toBe(1);
    gates[0]?.resolve();
    await rig.clock.advance(0);
    expect(rig.taken.map(({ texts, context }) => [texts.join(), context.batchTimeMillis])).toEqual([
      ['1', 1_001_000],
      ['2,3', 1_003_000],
    ]);
  });

  it('gets no batch for an interval without blocks, and times only grow when the wall clock is set back', async () => {
    const rig = new FeedRig();
    await rig.clock.advance(5_000);
    rig.source.push('a', ['1']);
    await rig.clock.advance(1_000);
    rig.clock.jumpWall(-3_600_000);
    rig.source.push('a', ['2']);
    await rig.clock.advance(1_000);
    expect(rig.taken.map(({ context }) => context.batchTimeMillis)).toEqual([1_006_000, 1_007_000]);
  });

  it('gets the last blocks without waiting for a tick when the blocks end or a shard drains', async () => {
    const rig = new FeedRig();
    rig.source.push('a', ['1']);
    rig.feed.hurry();
    await rig.clock.advance(0);
    expect(rig.taken.length).toBe(1);
    rig.source.push('a', [], { last: true });
    await rig.clock.advance(10);
    expect(rig.taken.length).toBe(1);
    rig.source.end();
    await rig.clock.runUntil(rig.running);
    expect(rig.clock.monotonicMillis()).toBe(10);
    expect(rig.taken[1]?.ranges).toEqual(['a@1 (100:0, SHARD_END]']);
    expect(rig.source.acked.length).toBe(2);
  });

  it('can lower what is read, and lift it again; a rate that is none is refused', async () => {
    const rig = new FeedRig(({ context }) => {
      context.demand({ recordsPerSecond: 10 });
      context.demand({});
      expect(() => context.demand({ recordsPerSecond: Number.NaN })).toThrow(/MR_CONFIG_INVALID.*NaN/);
      expect(() => context.demand({ recordsPerSecond: -1 })).toThrow(/give a number of at least 0/);
    });
    rig.source.push('a', ['1']);
    rig.source.end();
    await rig.clock.runUntil(rig.running);
    expect(rig.taken.length).toBe(1);
    expect(rig.demands).toEqual([{ recordsPerSecond: 10 }, {}]);
  });

  it('gets the same batch again when it rejects, and is reported from the third time on', async () => {
    const rig = new FeedRig(({ context }) => {
      if (context.attempt < 4) throw new Error('not yet');
    });
    rig.source.push('a', ['1']);
    rig.source.push('b', ['2']);
    rig.source.end();
    await rig.clock.runUntil(rig.running);
    expect(rig.taken.map(({ texts, context }) => [texts.join(), context.attempt])).toEqual([
      ['1,2', 1],
      ['1,2', 2],
      ['1,2', 3],
      ['1,2', 4],
    ]);
    expect(new Set(rig.taken.map(({ context }) => context.batchTimeMillis)).size).toBe(1);
    expect(rig.eventsOf('batch.stuck')).toMatchObject([{ attempts: 3, message: 'not yet' }]);
    expect(rig.source.acked.length).toBe(2);
  });

  it('ends the run at STOP, and nothing of the batch is acked', async () => {
    const rig = new FeedRig(
      ({ texts }) => {
        if (texts.includes('2')) throw new Error('two');
      },
      { maximumRetryAttempts: 1 },
    );
    rig.source.push('a', ['1']);
    await rig.clock.advance(1_000);
    rig.source.push('a', ['2']);
    rig.source.push('b', ['3']);
    await expect(rig.clock.runUntil(rig.running)).rejects.toMatchObject({
      code: 'MR_HANDLER_FAILED',
      cause: { message: 'two' },
    });
    expect(rig.source.ackedTexts).toEqual(['a@1 (TRIM_HORIZON, 100:0]']);
  });

  it('is given halves of the blocks until the bad record is found, and the ranges it takes leave no gap', async () => {
    const left: string[] = [];
    const deadLetter: DeadLetter = {
      write: async (records, { shardId }) => void left.push(...records.map((record) => `${shardId} ${record.text()}`)),
    };
    const done: string[] = [];
    const through = new Map<string, string>();
    const rig = new FeedRig(
      ({ texts, ranges }) => {
        if (texts.includes('bad')) throw new Error('bad');
        done.push(...texts);
        for (const range of ranges) {
          const [, shard = '', after = '', end = ''] = /^(.*)@1 \((.*), (.*)\]$/.exec(range) ?? [];
          expect(after).toBe(through.get(shard) ?? 'TRIM_HORIZON');
          through.set(shard, end);
        }
      },
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      { maximumRetryAttempts: 0, bisectBatchOnFunctionError: true, then: deadLetter },
    );
    rig.source.push('a', ['1', '2', 'bad', '4']);
    rig.source.push('b', ['5', 'bad']);
    rig.source.push('b', [], { last: true });
    rig.source.push('a', ['6']);
    await rig.clock.advance(1_000);
    rig.source.push('a', ['7']);
    rig.source.end();
    await rig.clock.runUntil(rig.running);
    expect(done).toEqual(['1', '2', '4', '5', '6', '7']);
    expect(left).toEqual(['a bad', 'b bad']);
    expect(rig.eventsOf('records.skipped').map(({ shardId, records }) => [shardId, records])).toEqual([
      ['a', 1],
      ['b', 1],
    ]);
    expect(through).toEqual(
      new Map([
        ['a', '105:0'],
        ['b', 'SHARD_END'],
      ]),
    );
    expect(rig.source.acked.length).toBe(5);
  });

  it('keeps what the dead letter cannot take: the run ends, and nothing is acked or told as left out', async () => {
    const deadLetter: DeadLetter = { write: () => Promise.reject(new Error('disk full')) };
    const rig = new FeedRig(
      () => {
        throw new Error('bad');
      },
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      { maximumRetryAttempts: 0, then: deadLetter },
    );
    rig.source.push('a', ['1']);
    await expect(rig.clock.runUntil(rig.running)).rejects.toMatchObject({ cause: { message: 'disk full' } });
    expect(rig.source.acked).toEqual([]);
    expect(rig.eventsOf('records.skipped')).toEqual([]);
  });

  it('goes on with the other shards when a lease is lost between two tries, and leaves that one to its next owner', async () => {
    const left: string[] = [];
    const deadLetter: DeadLetter = {
      write: async (records) => void left.push(...records.map((record) => record.text())),
    };
    const rig = new FeedRig(
      ({ context }) => {
        if (context.attempt === 1) rig.source.lose('a');
        throw new Error('never');
      },
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      { maximumRetryAttempts: 1, then: deadLetter },
    );
    rig.source.push('a', ['1']);
    rig.source.push('b', ['2']);
    rig.source.end();
    await rig.clock.runUntil(rig.running);
    expect(rig.taken.map(({ texts }) => texts)).toEqual([['1', '2'], ['2']]);
    expect(left).toEqual(['2']);
  });

  it('is left behind when it never settles and the run is ended', async () => {
    const rig = new FeedRig(() => new Promise(() => {}));
    rig.source.push('a', ['1']);
    await rig.clock.advance(1_000);
    expect(rig.taken.length).toBe(1);
    const reason = new Error('over');
    rig.life.abort(reason);
    await expect(rig.clock.runUntil(rig.running)).rejects.toBe(reason);
    expect(rig.taken[0]?.context.signal.aborted).toBe(true);
    expect(rig.source.acked).toEqual([]);
  });

  it('ends with the fault of the source, also while a batch is under way', async () => {
    const rig = new FeedRig(() => new Promise(() => {}));
    rig.source.push('a', ['1']);
    await rig.clock.advance(1_000);
    const fault = new Error('fault');
    rig.source.blocks.fail(fault);
    await expect(rig.clock.runUntil(rig.running)).rejects.toBe(fault);
  });
});

describe('an engine whose onBatch never settles', () => {
  it('has the shards of its batch given up, and those whose blocks wait for it; the batch is not acked', async () => {
    const rig = new FeedRig(() => new Promise(() => {}));
    rig.source.push('a', ['1']);
    rig.source.push('b', ['2']);
    await rig.clock.advance(1_000);
    rig.source.push('b', ['3']);
    rig.source.push('c', ['4']);
    await rig.clock.advance(299_000);
    expect(rig.givenUp).toEqual([]);
    await rig.clock.advance(1_000);
    expect(rig.givenUp).toEqual(['a', 'b', 'c']);
    expect(rig.eventsOf('shard.stalled')).toMatchObject([
      { shardId: 'a', forMillis: 300_000, released: true },
      { shardId: 'b' },
      { shardId: 'c' },
    ]);
    expect(rig.source.acked).toEqual([]);
  });

  it('has shards given up that come to wait for it later, and is only told of with onStall WARN', async () => {
    const rig = new FeedRig(() => new Promise(() => {}), {}, 'WARN');
    rig.source.push('a', ['1']);
    await rig.clock.advance(302_000);
    rig.source.push('b', ['2']);
    await rig.clock.advance(300_000);
    expect(rig.eventsOf('shard.stalled').map(({ shardId, forMillis }) => [shardId, forMillis])).toEqual([
      ['a', 300_000],
      ['a', 600_000],
      ['b', 600_000],
    ]);
    expect(rig.givenUp).toEqual([]);
  });

  it('is no engine that settles in time, be it by failing again and again', async () => {
    let tries = 0;
    const rig = new FeedRig(async () => {
      tries += 1;
      if (tries < 40) throw new Error('not yet');
    });
    rig.source.push('a', ['1']);
    rig.source.end();
    await rig.clock.runUntil(rig.running, { atMostMillis: 3_000_000 });
    expect(rig.clock.monotonicMillis()).toBeGreaterThan(300_000);
    expect(rig.eventsOf('shard.stalled')).toEqual([]);
  });
});
