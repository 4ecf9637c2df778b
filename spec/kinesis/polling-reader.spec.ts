import { describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { EventOf, EventType, MillraceEvent } from '../../lib/event/event.ts';
import type { GetRecordsAnswer, StartPosition } from '../../lib/kinesis/kinesis-api.ts';
import { type PollingReaderOptions, createPollingReader } from '../../lib/kinesis/polling-reader.ts';
import type { Page } from '../../lib/kinesis/reader.ts';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';
import { FakeKinesis, type FakeKinesisOptions } from '../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const shardId = 'shardId-000000000000';
const horizon: StartPosition = { type: 'TRIM_HORIZON' };

function setup(fakeOptions: Partial<FakeKinesisOptions> = {}, readerOptions: Partial<PollingReaderOptions> = {}) {
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock, ...fakeOptions });
  const events: MillraceEvent[] = [];
  const reader = createPollingReader({
    api: fake.connect(),
    streamName: fake.streamName,
    clock,
    random: seededRandom(1),
    events: { publish: (event) => events.push(event) },
    ...readerOptions,
  });
  const eventsOf = <T extends EventType>(type: T) => events.filter((event): event is EventOf<T> => event.type === type);
  /** Opens the shard; `next` takes one page, `all` the rest until the end of the shard. */
  const open = (start: StartPosition = horizon, signal = new AbortController().signal) => {
    const opened = reader.open(shardId, start, signal);
    const pages = opened[Symbol.asyncIterator]();
    const next = async (): Promise<Page> => {
      const result = await clock.runUntil(pages.next(), { atMostMillis: 3_600_000 });
      if (result.done === true) throw new Error('the shard has ended');
      return result.value;
    };
    const ready = () => opened.ready?.() ?? Promise.reject(new Error('the reader cannot tell'));
    return { pages, next, ready };
  };
  return { clock, fake, events, eventsOf, open };
}

const textsOf = (page: Page) => page.records.map((record) => record.text());

describe('the polling reader', () => {
  it('opens the shard again after the last record when the iterator has expired', async () => {
    const { clock, fake, eventsOf, open } = setup();
    fake.put('k', 'a');
    const { next } = open();
    expect(textsOf(await next())).toEqual(['a']);
    await clock.advance(300_001);
    fake.put('k', 'b');
    expect(textsOf(await next())).toEqual(['b']);
    expect(eventsOf('shard.iteratorExpired')).toEqual([{ type: 'shard.iteratorExpired', shardId }]);
    expect(fake.callCount('getShardIterator')).toBe(2);
  });

  it('skips nothing when an iterator of LATEST expires before the first record', async () => {
    const { clock, fake, open } = setup();
    fake.put('k', 'before');
    await clock.advance(1);
    const { next } = open({ type: 'LATEST' });
    expect(textsOf(await next())).toEqual([]);
    await clock.advance(200_000);
    fake.put('k', 'while nobody reads');
    await clock.advance(200_000);
    expect(textsOf(await next())).toEqual(['while nobody reads']);
  });

  it('opens the shard again when Kinesis does not know the iterator', async () => {
    const { fake, eventsOf, open } = setup();
    fake.put('k', 'a');
    fake.failNext('getRecords', awsError('InvalidArgumentException', 'Invalid ShardIterator.'));
    expect(textsOf(await open().next())).toEqual(['a']);
    expect(eventsOf('shard.iteratorExpired')).toEqual([]);
  });

  it('gives up when no iterator is ever accepted', async () => {
    const { fake, open } = setup();
    fake.failNext('getRecords', awsError('ExpiredIteratorException'), 1_000);
    await expect(open().next()).rejects.toMatchObject({ kind: 'iteratorExpired' });
    expect(fake.callCount('getRecords')).toBe(11);
  });

  it('gives no record twice when an iterator stands still, and goes on behind the last one', async () => {
    const { fake, open } = setup();
    for (const text of ['a', 'b']) fake.put('k', text);
    const { next } = open();
    expect(textsOf(await next())).toEqual(['a', 'b']);
    let left = 3;
    const first = fake.connect();
    const iterator = await first.getShardIterator({ shardId, start: horizon }, new AbortController().signal);
    fake.intercept(async (call, proceed) => {
      if (call.operation !== 'getRecords' || call.caller !== 'test' || left === 0) return proceed();
      left -= 1;
      const answer = (await proceed()) as GetRecordsAnswer;
      const records = [{ data: new Uint8Array(1), partitionKey: 'k', sequenceNumber: '1', arrivalTimeMillis: 0 }];
      return { ...answer, records, nextIterator: iterator };
    });
    fake.put('k', 'c');
    expect(textsOf(await next())).toEqual(['c']);
    expect(left).toBe(0);
  });

  it.each([
    [
      'records that were given out already',
      [{ data: new Uint8Array(1), partitionKey: 'k', sequenceNumber: '1', arrivalTimeMillis: 0 }],
    ],
    ['nothing, though the shard is behind', []],
  ])('gives up when every iterator stands still: %s', async (_, records) => {
    const { fake, open } = setup();
    fake.put('k', 'a');
    const { next } = open();
    await next();
    let iterator = '';
    fake.intercept(async (call, proceed) => {
      const answer = await proceed();
      if (call.operation === 'getShardIterator') iterator = answer as string;
      if (call.operation !== 'getRecords') return answer;
      return {
        records,
        nextIterator: iterator || (answer as GetRecordsAnswer).nextIterator,
        millisBehindLatest: 5,
        childShards: [],
      };
    });
    fake.failNext('getRecords', awsError('ExpiredIteratorException'));
    await expect(next()).rejects.toMatchObject({ code: 'MR_INTERNAL' });
  });

  it('waits out throttling, tells it as throttling, and reads at half the pace for 10 s', async () => {
    const { clock, fake, eventsOf, open } = setup({}, { maxRecords: 1 });
    for (let count = 0; count < 60; count += 1) fake.put('k', String(count));
    fake.failNext('getRecords', awsError('ProvisionedThroughputExceededException'), 2);
    const times: number[] = [];
    fake.intercept((call, proceed) => {
      if (call.operation === 'getRecords') times.push(clock.monotonicMillis());
      return proceed();
    });
    const { next } = open();
    for (let count = 0; count < 60; count += 1) expect(textsOf(await next())).toEqual([String(count)]);
    const told = eventsOf('shard.throttled');
    expect(told.map((event) => event.shardId)).toEqual([shardId, shardId]);
    expect(times[1]).toBeCloseTo(told[0]?.delayMillis as number, 5);
    const gaps = times.slice(3).map((time, index) => Math.round(time - (times[index + 2] as number)));
    expect(gaps.slice(0, 15)).toEqual(Array.from({ length: 15 }, () => 500));
    expect(gaps.slice(-15)).toEqual(Array.from({ length: 15 }, () => 250));
    expect(eventsOf('fault.seen')).toEqual([]);
  });

  it('stays within the limits of Kinesis beside nobody else, however big the pages', async () => {
    const { fake, eventsOf, open } = setup();
    for (let count = 0; count < 30; count += 1) fake.put('k', new Uint8Array(1_000_000));
    const { next } = open();
    let records = 0;
    while (records < 30) records += (await next()).records.length;
    expect(eventsOf('shard.throttled')).toEqual([]);
  });

  it('reads back to back while behind and once a second at the tip', async () => {
    const { clock, fake, open } = setup({}, { maxRecords: 2 });
    for (let count = 0; count < 5; count += 1) fake.put('k', String(count));
    const { next } = open();
    const seen: [number, number][] = [];
    for (let count = 0; count < 5; count += 1) seen.push([(await next()).records.length, clock.monotonicMillis()]);
    expect(seen).toEqual([
      [2, 0],
      [2, 250],
      [1, 500],
      [0, 1_500],
      [0, 2_500],
    ]);
  });

  it('does not call a full page the tip, even where the service says so', async () => {
    const { clock, fake, open } = setup({}, { maxRecords: 2 });
    for (let count = 0; count < 4; count += 1) fake.put('k', String(count));
    fake.intercept(async (call, proceed) => {
      const answer = (await proceed()) as GetRecordsAnswer;
      return call.operation === 'getRecords' ? { ...answer, millisBehindLatest: 0 } : answer;
    });
    const { next } = open();
    await next();
    await next();
    expect(clock.monotonicMillis()).toBe(250);
  });

  it('gives at most maxRecords a page and the sum of their bytes, and tells each page that is not empty', async () => {
    const { fake, eventsOf, open } = setup({}, { maxRecords: 3 });
    for (const text of ['a', 'bb', 'ccc', 'dddd']) fake.put('k', text);
    const { next } = open();
    const pages = [await next(), await next(), await next()];
    expect(pages.map((page) => [page.records.length, page.bytes])).toEqual([
      [3, 6],
      [1, 4],
      [0, 0],
    ]);
    expect(eventsOf('shard.read').map((event) => [event.records, event.bytes])).toEqual([
      [3, 6],
      [1, 4],
    ]);
  });

  it('waits out an endpoint that does not answer, and goes on where it was', async () => {
    const { clock, fake, eventsOf, open } = setup();
    fake.put('k', 'a');
    const { next } = open();
    await next();
    fake.put('k', 'b');
    fake.failNext('getRecords', networkError('ECONNRESET'), 4);
    fake.failNext('getRecords', awsError('InternalFailure', 'x', 500), 2);
    expect(textsOf(await next())).toEqual(['b']);
    expect(clock.monotonicMillis()).toBeGreaterThan(2_000);
    expect(eventsOf('fault.seen').map((event) => event.code)).toEqual(
      Array.from({ length: 6 }, () => 'MR_ENDPOINT_UNREACHABLE'),
    );
    expect(eventsOf('fault.seen')[0]?.subject).toEqual({ stream: 'stream', shard: shardId });
  });

  it('gives up on an endpoint that does not answer for unreachableTimeoutMillis', async () => {
    const { clock, fake, open } = setup({}, { unreachableTimeoutMillis: 5_000 });
    fake.failNext('getShardIterator', networkError('ECONNREFUSED'), 1_000);
    await expect(open().next()).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE', reaction: 'restart' });
    expect(clock.monotonicMillis()).toBe(5_000);
  });

  it('passes a denied call on at once', async () => {
    const { clock, fake, open } = setup();
    fake.failNext('getRecords', awsError('AccessDeniedException'));
    await expect(open().next()).rejects.toMatchObject({ kind: 'denied', code: 'MR_ACCESS_DENIED' });
    expect(clock.monotonicMillis()).toBe(0);
  });

  it('rejects with shardGone when retention has taken the shard', async () => {
    const { fake, open } = setup();
    const { next } = open();
    await next();
    fake.split(shardId);
    fake.forget(shardId);
    await expect(next()).rejects.toMatchObject({ kind: 'shardGone', subject: { stream: 'stream', shard: shardId } });
  });

  it('waits for a start time in the future', async () => {
    const { clock, fake, open } = setup();
    fake.put('k', 'before');
    const { pages, next } = open({ type: 'AT_TIMESTAMP', timestampMillis: fake.nowMillis() + 200_000 });
    const first = pages.next();
    await clock.advance(199_999);
    fake.put('k', 'still before');
    expect(fake.callCount('getRecords')).toBe(0);
    const page = await clock.runUntil(first);
    expect(page.done === true ? undefined : textsOf(page.value)).toEqual([]);
    fake.put('k', 'after');
    expect(textsOf(await next())).toEqual(['after']);
  });

  /*
   * A refusal that is long on its way:
   *
   *   1. the shard is asked for a time 2 s in the future, and the service refuses
   *   2. the refusal takes 5 s; meanwhile the time has come
   *   3. asked again, the service answers; to take the refusal for good would end the worker
   */
  it('asks again when the start time has come while its refusal was on its way', async () => {
    const { clock, fake, open } = setup();
    let isSlow = true;
    fake.intercept(async (call, proceed) => {
      try {
        return await proceed();
      } finally {
        if (call.operation === 'getShardIterator' && isSlow) {
          isSlow = false;
          await sleep(clock, 5_000);
        }
      }
    });
    const { pages } = open({ type: 'AT_TIMESTAMP', timestampMillis: fake.nowMillis() + 2_000 });
    const first = pages.next();
    await clock.advance(3_000);
    fake.put('k', 'after');
    const page = await clock.runUntil(first);
    expect(page.done === true ? undefined : textsOf(page.value)).toEqual(['after']);
  });

  it('does not wait when a time is refused for another reason', async () => {
    const { fake, open } = setup();
    fake.failNext('getShardIterator', awsError('InvalidArgumentException'));
    const start: StartPosition = { type: 'AT_TIMESTAMP', timestampMillis: fake.nowMillis() };
    await expect(open(start).next()).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('ends promptly with the reason of the signal, whatever it waits for', async () => {
    for (const waitsFor of ['pace', 'throttling', 'answer'] as const) {
      const { clock, fake, open } = setup();
      const controller = new AbortController();
      const { pages, next } = open(horizon, controller.signal);
      await next();
      if (waitsFor === 'throttling')
        fake.failNext('getRecords', awsError('ProvisionedThroughputExceededException'), 1_000);
      if (waitsFor === 'answer') fake.intercept(() => sleep(clock, 3_600_000));
      const waiting = pages.next();
      waiting.catch(() => {});
      await clock.advance(waitsFor === 'pace' ? 500 : 10_000);
      const before = clock.monotonicMillis();
      controller.abort(new Error('the lease is lost'));
      await expect(clock.runUntil(waiting)).rejects.toThrow('the lease is lost');
      expect(clock.monotonicMillis()).toBe(before);
    }
  });

  it('is ready when its pace allows the next page, for which it does not ask', async () => {
    const { clock, fake, open } = setup({}, { maxRecords: 2 });
    for (let count = 0; count < 5; count += 1) fake.put('k', String(count));
    const { next, ready } = open();
    await clock.runUntil(ready());
    expect(clock.monotonicMillis()).toBe(0);
    await next();
    await clock.runUntil(ready());
    expect(clock.monotonicMillis()).toBe(250);
    expect(fake.callCount('getRecords')).toBe(1);
    await next();
    expect(clock.monotonicMillis()).toBe(250);
  });

  it('is not waited for by whoever ends meanwhile', async () => {
    const { clock, open } = setup();
    const controller = new AbortController();
    const { next, ready } = open(horizon, controller.signal);
    await next();
    const waiting = ready();
    waiting.catch(() => {});
    controller.abort(new Error('the lease is lost'));
    await expect(clock.runUntil(waiting)).rejects.toThrow('the lease is lost');
  });

  it('asks for no page before it is wanted', async () => {
    const { clock, fake, open } = setup();
    const { next } = open();
    await next();
    await clock.advance(60_000);
    expect(fake.callCount('getRecords')).toBe(1);
  });
});

describe('the polling reader at the end of a shard', () => {
  const withoutChildren = async (call: { operation: string }, proceed: () => Promise<unknown>) => {
    const answer = await proceed();
    return call.operation === 'getRecords' ? { ...(answer as GetRecordsAnswer), childShards: [] } : answer;
  };

  it('gives the last records together with the end', async () => {
    const { fake, open } = setup();
    fake.put('k', 'a');
    const children = fake.split(shardId);
    const { pages, next } = open();
    const page = await next();
    expect(textsOf(page)).toEqual(['a']);
    expect(page.end?.childShards.map((child) => child.shardId)).toEqual(children);
    expect((await pages.next()).done).toBe(true);
  });

  it('ends a full last page at exactly the limit of records', async () => {
    const { fake, open } = setup({}, { maxRecords: 2 });
    for (let count = 0; count < 4; count += 1) fake.put('k', String(count));
    fake.split(shardId);
    const { next } = open();
    expect((await next()).end).toBeUndefined();
    const last = await next();
    expect([last.records.length, last.end?.childShards.length]).toEqual([2, 2]);
  });

  it('looks the children up in the listing when the answer names none', async () => {
    const { fake, open } = setup({ shardCount: 2, listShardsPageSize: 1 });
    const child = fake.merge(shardId, 'shardId-000000000001');
    fake.intercept(withoutChildren);
    const page = await open().next();
    expect(page.end?.childShards).toEqual([
      {
        shardId: child,
        parentShardIds: [shardId, 'shardId-000000000001'],
        startingHashKey: '0',
        endingHashKey: String((1n << 128n) - 1n),
      },
    ]);
  });

  it('is the end without children when the shard is listed as closed', async () => {
    const { fake, open } = setup();
    const children = fake.split(shardId);
    fake.intercept(withoutChildren);
    for (const child of children) fake.forget(child);
    expect((await open().next()).end).toEqual({ childShards: [] });
  });

  it('is no end when the shard is listed as open: it is opened again after the last record', async () => {
    const { fake, open } = setup();
    fake.put('k', 'a');
    let lied = 0;
    fake.intercept(async (call, proceed) => {
      const answer = await proceed();
      if (call.operation !== 'getRecords' || lied === 2) return answer;
      lied += 1;
      const { nextIterator: _, ...rest } = answer as GetRecordsAnswer;
      return rest;
    });
    const { next } = open();
    const first = await next();
    expect([textsOf(first), first.end]).toEqual([['a'], undefined]);
    fake.put('k', 'b');
    const second = await next();
    expect([textsOf(second), second.end]).toEqual([['b'], undefined]);
    fake.put('k', 'c');
    expect(textsOf(await next())).toEqual(['c']);
  });

  it('gives up on a shard that is listed as open and never gives an iterator', async () => {
    const { fake, open } = setup();
    fake.intercept(async (call, proceed) => {
      const answer = await proceed();
      if (call.operation !== 'getRecords') return answer;
      const { nextIterator: _, ...rest } = answer as GetRecordsAnswer;
      return rest;
    });
    await expect(open().next()).rejects.toMatchObject({ code: 'MR_INTERNAL', subject: { shard: shardId } });
  });
});
