import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import type { EventOf, EventType, MillraceEvent } from '../../lib/event/event.ts';
import { createPollingReader } from '../../lib/kinesis/polling-reader.ts';
import type { StartPosition } from '../../lib/kinesis/kinesis-api.ts';
import type { Page } from '../../lib/kinesis/reader.ts';
import { StreamConsumer } from '../../lib/kinesis/stream-consumer.ts';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';
import { type FakeFanOutInterceptor, connectFanOut } from '../../lib/testkit/fake-fan-out-calls.ts';
import { FakeFanOut, type FakeFanOutOptions } from '../../lib/testkit/fake-fan-out.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { fanOutReaderOf } from '../support/fan-out.ts';

const shardId = 'shardId-000000000000';
const horizon: StartPosition = { type: 'TRIM_HORIZON' };

function setup(options: Partial<FakeFanOutOptions> & { readonly fallsBack?: boolean } = {}) {
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock });
  const model = new FakeFanOut({ fake, clock, ...options });
  const { streamName } = fake;
  const api = fake.connect();
  const events: MillraceEvent[] = [];
  const sink = { publish: (event: MillraceEvent) => events.push(event) };
  let intercept: FakeFanOutInterceptor = () => {};
  const calls: [string, number][] = [];
  const fanOut = connectFanOut(model, streamName, (operation) => {
    calls.push([operation, clock.monotonicMillis()]);
    return intercept(operation);
  });
  const fallback = createPollingReader({ api, streamName, clock, random: seededRandom(1), events: sink });
  const subject = { api, fanOut, clock, streamName };
  const reader = fanOutReaderOf(subject, sink, options.fallsBack === true ? { fallback } : {});
  const eventsOf = <T extends EventType>(type: T) => events.filter((event): event is EventOf<T> => event.type === type);
  const open = (start: StartPosition = horizon, signal = new AbortController().signal) => {
    const pages = reader.open(shardId, start, signal)[Symbol.asyncIterator]();
    const next = async (): Promise<Page> => {
      const result = await clock.runUntil(pages.next(), { atMostMillis: 3_600_000 });
      if (result.done === true) throw new Error('the shard has ended');
      return result.value;
    };
    /** The texts of the next page that has records. */
    const nextTexts = async (): Promise<readonly string[]> => {
      for (;;) {
        const page = await next();
        if (page.records.length > 0) return page.records.map((record) => record.text());
      }
    };
    return { pages, next, nextTexts };
  };
  return {
    clock,
    fake,
    streamName,
    model,
    events,
    eventsOf,
    calls,
    open,
    timesOf: (operation: string) => calls.filter(([name]) => name === operation).map(([, millis]) => millis),
    intercept: (interceptor: FakeFanOutInterceptor) => (intercept = interceptor),
  };
}

/** Fails so many calls of one kind, then lets all pass. */
function failing(operation: Parameters<FakeFanOutInterceptor>[0], error: Error, times: number): FakeFanOutInterceptor {
  let left = times;
  return (name) => {
    if (name !== operation || left === 0) return;
    left -= 1;
    throw error;
  };
}

describe('the fan-out reader', () => {
  it('registers its stream consumer once for all shards, and uses the one that is there', async () => {
    const { model, open, eventsOf, calls } = setup({ transitionMillis: 3_000 });
    await open().next();
    await open().next();
    expect(calls.filter(([name]) => name === 'registerStreamConsumer')).toHaveLength(1);
    expect(model.consumers.all.map(({ name, status }) => [name, status])).toEqual([['reader', 'ACTIVE']]);
    expect(eventsOf('streamConsumer.registered').map((event) => event.consumerName)).toEqual(['reader']);
  });

  it('subscribes anew behind the last event when the 5 minutes are over, without losing or repeating a record', async () => {
    const { clock, fake, open, eventsOf } = setup();
    const { nextTexts } = open();
    const texts: string[] = [];
    for (let count = 0; count < 40; count += 1) {
      fake.put('k', String(count));
      texts.push(...(await nextTexts()));
      await clock.advance(30_000);
    }
    expect(texts).toEqual(Array.from({ length: 40 }, (_, count) => String(count)));
    const ends = eventsOf('shard.subscriptionEnded');
    expect(ends.map((event) => event.reason)).toEqual(['expired', 'expired', 'expired']);
    expect(eventsOf('shard.subscribed')).toHaveLength(4);
  });

  it('loses nothing that came while a subscription was over, on a shard that was quiet before', async () => {
    const { clock, fake, open } = setup();
    const { next, nextTexts } = open({ type: 'LATEST' });
    expect((await next()).records).toEqual([]);
    await clock.advance(299_000);
    fake.put('k', 'at the seam');
    await clock.advance(60_000);
    expect(await nextTexts()).toEqual(['at the seam']);
  });

  it('skips nothing when a subscription at LATEST dies before its first event', async () => {
    const { clock, fake, open, intercept } = setup();
    intercept(failing('next', networkError('ECONNRESET'), 3));
    const { nextTexts } = open({ type: 'LATEST' });
    clock.timer(10, () => fake.put('k', 'while none was there'));
    expect(await nextTexts()).toEqual(['while none was there']);
  });

  it('takes a subscription that says nothing for 35 s for dead', async () => {
    const { fake, clock, open, intercept, eventsOf } = setup();
    const { next, nextTexts } = open();
    await next();
    let isSilent = true;
    intercept((operation) => (operation === 'next' && isSilent ? new Promise<void>(() => {}) : undefined));
    const askedAtMillis = clock.monotonicMillis();
    fake.put('k', 'a');
    clock.timer(34_999, () => {
      expect(eventsOf('shard.subscriptionEnded')).toEqual([]);
      isSilent = false;
    });
    expect(await nextTexts()).toEqual(['a']);
    expect(eventsOf('shard.subscriptionEnded')).toMatchObject([{ reason: 'silent', events: 1 }]);
    expect(clock.monotonicMillis() - askedAtMillis).toBe(35_000);
  });

  it('does not count the time in which its consumer does not ask', async () => {
    const { fake, clock, open, eventsOf } = setup();
    const { next, nextTexts } = open();
    await next();
    await clock.advance(120_000);
    fake.put('k', 'a');
    expect(await nextTexts()).toEqual(['a']);
    expect(eventsOf('shard.subscriptionEnded')).toEqual([]);
  });

  it('takes nothing from the subscription that nobody asks for', async () => {
    const { fake, clock, open, timesOf } = setup();
    const { next } = open();
    await next();
    for (let count = 0; count < 100; count += 1) fake.put('k', new Uint8Array(100_000));
    await clock.advance(60_000);
    expect(timesOf('next')).toHaveLength(1);
  });

  it('says of a page that may have lain in a buffer that it is an earlier one', async () => {
    const { clock, fake, open } = setup();
    const { next } = open();
    expect('isEarlier' in (await next())).toBe(false);
    fake.put('k', 'a');
    await clock.advance(10_000);
    expect(await next()).toMatchObject({ isEarlier: true, millisBehindLatest: 0 });
    expect('isEarlier' in (await next())).toBe(false);
  });

  it('waits while another subscription of its consumer reads the shard, and takes over after 5 s', async () => {
    const { fake, clock, open, eventsOf, timesOf } = setup();
    fake.put('k', 'a');
    await open().next();
    const { nextTexts } = open();
    expect(await nextTexts()).toEqual(['a']);
    expect(clock.monotonicMillis()).toBeGreaterThanOrEqual(5_000);
    expect(clock.monotonicMillis()).toBeLessThan(15_000);
    expect(eventsOf('shard.subscriptionRefused').length).toBeGreaterThan(0);
    const times = timesOf('subscribeToShard').slice(1);
    expect(times.every((time, index) => index === 0 || time - (times[index - 1] as number) >= 1_000)).toBe(true);
  });

  it('tells that its subscription was taken over, and comes back', async () => {
    const { fake, clock, open, eventsOf } = setup();
    fake.put('k', 'a');
    const first = open();
    expect(await first.nextTexts()).toEqual(['a']);
    await clock.advance(6_000);
    await open().next();
    fake.put('k', 'b');
    expect(await first.nextTexts()).toEqual(['b']);
    expect(eventsOf('shard.subscriptionEnded').map((event) => event.reason)).toContain('taken');
  });

  it('waits out LimitExceeded of SubscribeToShard, told as throttling', async () => {
    const { fake, open, intercept, eventsOf, timesOf } = setup();
    fake.put('k', 'a');
    intercept(failing('subscribeToShard', awsError('LimitExceededException'), 3));
    expect(await open().nextTexts()).toEqual(['a']);
    expect(eventsOf('shard.throttled')).toHaveLength(3);
    const times = timesOf('subscribeToShard');
    expect(times.every((time, index) => index === 0 || time - (times[index - 1] as number) >= 1_000)).toBe(true);
  });

  it('registers a consumer anew that somebody has deregistered under it', async () => {
    const { fake, model, open, eventsOf } = setup();
    fake.put('k', 'a');
    const { nextTexts } = open();
    expect(await nextTexts()).toEqual(['a']);
    model.consumers.deregister({ name: 'reader' });
    fake.put('k', 'b');
    expect(await nextTexts()).toEqual(['b']);
    expect(eventsOf('streamConsumer.registered')).toHaveLength(2);
  });

  it('does not wait for its consumer any longer than the run lasts', async () => {
    const { clock, fake, model, streamName } = setup({ transitionMillis: 50_000 });
    const fanOut = connectFanOut(model, streamName);
    const ports = { api: fake.connect(), fanOut, clock, random: seededRandom(1), events: { publish() {} } };
    const consumer = new StreamConsumer({ ...ports, consumer: { consumerName: 'reader' } });
    const asked = consumer.arn(new AbortController().signal);
    asked.catch(() => {});
    await clock.advance(2_500);
    consumer.close();
    await expect(asked).rejects.toMatchObject({ code: 'MR_ABORTED' });
    // The consumer's own way to ACTIVE is the only timer left.
    expect(clock.pendingTimers).toBe(1);
  });

  it('says MR_CONSUMER_LIMIT when the stream has as many consumers as it may', async () => {
    const { model, open } = setup();
    for (let count = 0; count < 20; count += 1) model.consumers.register(`other-${count}`);
    await expect(open().next()).rejects.toMatchObject({ code: 'MR_CONSUMER_LIMIT', reaction: 'fatal' });
  });

  it('reads by polling when there is no place, where it may', async () => {
    const { fake, model, open, eventsOf } = setup({ fallsBack: true });
    for (let count = 0; count < 20; count += 1) model.consumers.register(`other-${count}`);
    fake.put('k', 'a');
    expect(await open().nextTexts()).toEqual(['a']);
    expect(eventsOf('fanOut.fellBack')).toMatchObject([{ shardId }]);
    expect(fake.callCount('getRecords')).toBeGreaterThan(0);
  });

  it('gives up after subscriptions in a row that are accepted and bring nothing', async () => {
    const { open, intercept, eventsOf } = setup();
    intercept(failing('next', networkError('ECONNRESET'), 1_000));
    await expect(open().next()).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE', reaction: 'restart' });
    expect(eventsOf('shard.subscribed')).toHaveLength(11);
    expect(new Set(eventsOf('shard.subscriptionEnded').map((event) => event.reason))).toEqual(new Set(['failed']));
  });

  it('waits for a start in the future of the service', async () => {
    const { clock, fake, open } = setup();
    fake.put('k', 'before');
    const timestampMillis = fake.nowMillis() + 20_000;
    clock.timer(21_000, () => fake.put('k', 'after'));
    expect(await open({ type: 'AT_TIMESTAMP', timestampMillis }).nextTexts()).toEqual(['after']);
  });

  it('ends its subscription when its signal aborts, though nobody asks any more', async () => {
    const { fake, clock, open } = setup();
    const controller = new AbortController();
    await open(horizon, controller.signal).next();
    controller.abort(new Error('enough'));
    // Past the 5 s, another one is accepted at once and is not told of a take-over.
    await clock.advance(6_000);
    fake.put('k', 'a');
    expect(await open().nextTexts()).toEqual(['a']);
  });
});
