import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { KinesisRecord } from '../../lib/block/record.ts';
import type { EventOf, MillraceEvent } from '../../lib/event/event.ts';
import type { DeadLetter } from '../../lib/receiver/dead-letter.ts';
import type { FailurePolicy } from '../../lib/receiver/failure-policy.ts';
import { type PolicyOutcome, type RecordsHandler, runWithPolicy } from '../../lib/receiver/handler-runner.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const startMillis = Date.UTC(2026, 0, 1);

/** The oldest first, 0.4 s apart, the newest of twenty arriving at the start. */
function record(index: number): KinesisRecord {
  return new KinesisRecord({
    data: new Uint8Array(),
    partitionKey: 'k',
    sequenceNumber: String(index),
    subSequenceNumber: 0,
    shardId: 'shardId-0',
    streamName: 'orders',
    arrivalTimeMillis: startMillis - (19 - index) * 400,
  });
}

/** One run of the policy over records 0 .. count - 1 on virtual time. */
class Bench {
  readonly clock = new VirtualClock({ startWallMillis: startMillis });
  readonly events: MillraceEvent[] = [];
  readonly lease = new AbortController();
  readonly whole = new AbortController();
  retentionMillis: number | undefined = 120_000;

  run(count: number, policy: Partial<FailurePolicy>, handler: RecordsHandler): Promise<PolicyOutcome> {
    return runWithPolicy({
      work: {
        shardId: 'shardId-0',
        records: Array.from({ length: count }, (_, index) => record(index)),
        signal: this.lease.signal,
      },
      handler,
      policy: {
        maximumRetryAttempts: -1,
        maximumRecordAgeInSeconds: -1,
        bisectBatchOnFunctionError: false,
        // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
        then: 'STOP',
        ...policy,
      },
      clock: this.clock,
      random: seededRandom(3),
      events: { publish: (event) => void this.events.push(event) },
      serviceTimeMillis: () => this.clock.wallMillis(),
      retentionMillis: () => this.retentionMillis,
      signal: this.whole.signal,
    });
  }

  eventsOf<T extends MillraceEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }
}

/** A handler that fails for batches with one of these records, and remembers what it finished. */
function handlerWithPoison(poison: ReadonlySet<number>) {
  const finished: number[] = [];
  const attempts: number[][] = [];
  const handler: RecordsHandler = (records) => {
    const ids = records.map((one) => Number(one.sequenceNumber));
    attempts.push(ids);
    if (ids.some((id) => poison.has(id))) throw new Error('poison');
    finished.push(...ids);
  };
  return { handler, finished, attempts };
}

// oxlint-disable-next-line unicorn/no-thenable -- the name of the option
const skip = { then: 'SKIP' } as const;

describe('a handler under the failure policy', () => {
  it('is called once with all records when it succeeds', async () => {
    const bench = new Bench();
    const { handler, attempts } = handlerWithPoison(new Set());
    expect(await bench.run(3, {}, handler)).toEqual({ processed: 3, skipped: 0 });
    expect(attempts).toEqual([[0, 1, 2]]);
    expect(bench.events).toEqual([]);
  });

  it('is not called for a block without records', async () => {
    const { handler, attempts } = handlerWithPoison(new Set());
    expect(await new Bench().run(0, {}, handler)).toEqual({ processed: 0, skipped: 0 });
    expect(attempts).toEqual([]);
  });

  it('gets the same records again, without end by default, and the waits grow to 30 s', async () => {
    const bench = new Bench();
    const times: number[] = [];
    const tried = new Set<string>();
    const running = bench.run(2, {}, (records) => {
      tried.add(records.map((one) => one.sequenceNumber).join());
      times.push(bench.clock.monotonicMillis());
      if (times.length < 40) throw new Error('not yet');
    });
    expect(await bench.clock.runUntil(running, { atMostMillis: 3_600_000 })).toEqual({ processed: 2, skipped: 0 });
    expect([...tried]).toEqual(['0,1']);
    const waits = times.slice(1).map((time, index) => time - (times[index] as number));
    expect(waits[0]).toBeLessThanOrEqual(200);
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(Math.min(...waits.slice(10))).toBeGreaterThanOrEqual(15_000);
  });

  it('that keeps failing is reported from the third failure on, at most every 30 s', async () => {
    const bench = new Bench();
    let failures = 0;
    const eventsBefore: number[] = [];
    const running = bench.run(1, {}, () => {
      failures += 1;
      eventsBefore.push(bench.eventsOf('batch.stuck').length);
      if (failures < 30) throw new Error('broken');
    });
    await bench.clock.runUntil(running, { atMostMillis: 3_600_000 });
    expect(eventsBefore.slice(0, 4)).toEqual([0, 0, 0, 1]);
    const stuck = bench.eventsOf('batch.stuck');
    expect(stuck[0]).toMatchObject({ shardId: 'shardId-0', attempts: 3, message: 'broken' });
    expect(stuck.length).toBeGreaterThan(5);
    for (const [index, event] of stuck.entries()) {
      const before = stuck[index - 1];
      if (before !== undefined) expect(event.ageMillis - before.ageMillis).toBeGreaterThanOrEqual(30_000);
      expect(event.retentionMillis).toBe(120_000);
      expect(event.leftMillis).toBe(Math.max(0, 120_000 - event.ageMillis));
    }
    expect(stuck[0]?.leftMillis).toBeGreaterThan(100_000);
    expect(stuck.at(-1)?.leftMillis).toBe(0);
  });

  it('that keeps failing before the retention of the stream is known is reported without it', async () => {
    const bench = new Bench();
    bench.retentionMillis = undefined;
    let failures = 0;
    const running = bench.run(1, {}, () => {
      failures += 1;
      if (failures < 4) throw new Error('broken');
    });
    await bench.clock.runUntil(running, { atMostMillis: 60_000 });
    const [stuck] = bench.eventsOf('batch.stuck');
    expect(stuck).toMatchObject({ attempts: 3 });
    expect(stuck).not.toHaveProperty('leftMillis');
    expect(stuck).not.toHaveProperty('retentionMillis');
  });

  it('stops the run with MR_HANDLER_FAILED, the shard and the cause when the attempts are used up', async () => {
    const bench = new Bench();
    const { handler, attempts } = handlerWithPoison(new Set([1]));
    const running = bench.run(3, { maximumRetryAttempts: 2 }, handler);
    const failed = await bench.clock.runUntil(running).catch((thrown: unknown) => thrown);
    expect(failed).toMatchObject({ code: 'MR_HANDLER_FAILED', subject: { shard: 'shardId-0' } });
    expect((failed as Error).cause).toMatchObject({ message: 'poison' });
    expect((failed as Error).message).toContain('3 records of shard shardId-0 (0:0 to 2:0), attempts: 3');
    expect(attempts.length).toBe(3);
  });

  it('goes on without the records, and says how many, under SKIP', async () => {
    const bench = new Bench();
    const { handler } = handlerWithPoison(new Set([1]));
    const running = bench.run(3, { maximumRetryAttempts: 0, ...skip }, handler);
    expect(await bench.clock.runUntil(running)).toEqual({ processed: 0, skipped: 3 });
    expect(bench.events).toEqual([
      { type: 'records.skipped', shardId: 'shardId-0', records: 3, to: 'nowhere', message: 'poison' },
    ]);
  });

  it('is found out record by record under bisect, so that only the bad ones are left out', async () => {
    const bench = new Bench();
    const { handler, finished } = handlerWithPoison(new Set([2, 5]));
    const policy = { maximumRetryAttempts: 1, bisectBatchOnFunctionError: true, ...skip };
    expect(await bench.clock.runUntil(bench.run(8, policy, handler))).toEqual({ processed: 6, skipped: 2 });
    expect(finished).toEqual([0, 1, 3, 4, 6, 7]);
    expect(bench.eventsOf('records.skipped').length).toBe(2);
  });

  it('finishes each record exactly once and in order, whatever is bad and whatever the limits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          count: fc.integer({ min: 0, max: 20 }),
          poison: fc.uniqueArray(fc.integer({ min: 0, max: 19 })),
          maximumRetryAttempts: fc.integer({ min: 0, max: 3 }),
          maximumRecordAgeInSeconds: fc.constantFrom(-1, 1, 5),
          bisectBatchOnFunctionError: fc.boolean(),
        }),
        async ({ count, poison, ...limits }) => {
          const bench = new Bench();
          const { handler, finished } = handlerWithPoison(new Set(poison));
          const left: number[] = [];
          const deadLetter: DeadLetter = {
            write: async (records) => void left.push(...records.map((one) => Number(one.sequenceNumber))),
          };
          // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
          const running = bench.run(count, { ...limits, then: deadLetter }, handler);
          const outcome = await bench.clock.runUntil(running, { atMostMillis: 3_600_000 });

          expect([...finished, ...left].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, id) => id));
          expect(finished).toEqual([...finished].sort((a, b) => a - b));
          expect(left).toEqual([...left].sort((a, b) => a - b));
          expect(outcome).toEqual({ processed: finished.length, skipped: left.length });
          const told = bench.eventsOf('records.skipped').reduce((sum, event) => sum + event.records, 0);
          expect(told).toBe(left.length);
          if (limits.bisectBatchOnFunctionError) {
            expect(left).toEqual(poison.filter((id) => id < count).sort((a, b) => a - b));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is rid of the records that are too old, and goes on with the others', async () => {
    const bench = new Bench();
    const { handler, finished, attempts } = handlerWithPoison(new Set([0]));
    const running = bench.run(20, { maximumRecordAgeInSeconds: 5, ...skip }, handler);
    const outcome = await bench.clock.runUntil(running);
    expect(attempts.length).toBe(2);
    expect(outcome.skipped).toBeGreaterThan(0);
    expect(finished).toEqual(Array.from({ length: outcome.processed }, (_, index) => index + outcome.skipped));
  });

  it('is never tried again while the records are not yet safe in the dead letter', async () => {
    const bench = new Bench();
    const seen: string[] = [];
    const deadLetter: DeadLetter = {
      write: async (records, context) => {
        seen.push(`write ${records.length} after ${context.attempts}`);
        await Promise.resolve();
        seen.push('written');
      },
    };
    bench.lease.signal.addEventListener('abort', () => seen.push('never'));
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    const running = bench.run(2, { maximumRetryAttempts: 1, then: deadLetter }, () => {
      seen.push('try');
      throw new Error('poison');
    });
    await bench.clock.runUntil(running);
    expect(seen).toEqual(['try', 'try', 'write 2 after 2', 'written']);
    expect(bench.eventsOf('records.skipped')[0]?.to).toBe('deadLetter');
  });

  it('stops the run when the dead letter cannot be written', async () => {
    const bench = new Bench();
    const deadLetter: DeadLetter = { write: () => Promise.reject(new Error('disk full')) };
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    const running = bench.run(1, { maximumRetryAttempts: 0, then: deadLetter }, () => Promise.reject(new Error('x')));
    await expect(bench.clock.runUntil(running)).rejects.toMatchObject({
      code: 'MR_HANDLER_FAILED',
      cause: { message: 'disk full' },
    });
    expect(bench.eventsOf('records.skipped')).toEqual([]);
  });

  it('is not retried when the lease is lost, and the run rejects with the reason', async () => {
    const bench = new Bench();
    const lost = new Error('lease lost');
    let attempts = 0;
    const running = bench.run(1, { maximumRetryAttempts: 0, ...skip }, () => {
      attempts += 1;
      bench.lease.abort(lost);
      throw new Error('told to stop');
    });
    await expect(bench.clock.runUntil(running)).rejects.toBe(lost);
    expect(attempts).toBe(1);
    expect(bench.events).toEqual([]);
  });

  it('is woken from its wait when the whole run is aborted', async () => {
    const bench = new Bench();
    const running = bench.run(1, {}, () => Promise.reject(new Error('broken')));
    running.catch(() => {});
    await bench.clock.advance(50);
    bench.whole.abort(new Error('second signal'));
    await expect(running).rejects.toThrow('second signal');
    expect(bench.clock.pendingTimers).toBe(0);
  });
});
