import { describe, expect, it } from 'vitest';
import type { StartPosition } from '../../lib/kinesis/kinesis-api.ts';
import { FakeFanOut, type FakeFanOutEvent, type FakeFanOutOptions } from '../../lib/testkit/fake-fan-out.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const shardId = 'shardId-000000000000';
const horizon: StartPosition = { type: 'TRIM_HORIZON' };

function setup(options: Partial<FakeFanOutOptions> = {}) {
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock });
  const fanOut = new FakeFanOut({ fake, clock, ...options });
  const consumerArn = fanOut.consumers.register('reader').arn;
  const caller = new AbortController();
  const subscribe = (start: StartPosition = horizon) =>
    fanOut.subscribe({ consumerArn, shardId, start }, caller.signal);
  return { clock, fake, fanOut, consumerArn, subscribe, caller };
}

/** Takes events while virtual time passes, until enough or the end. */
async function take(
  clock: VirtualClock,
  events: AsyncGenerator<FakeFanOutEvent, void>,
  atMost: number,
): Promise<FakeFanOutEvent[]> {
  const taken: FakeFanOutEvent[] = [];
  while (taken.length < atMost) {
    const next = await clock.runUntil(events.next(), { atMostMillis: 600_000 });
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

const textsOf = (events: readonly FakeFanOutEvent[]) =>
  events.flatMap((event) => event.records.map((record) => Buffer.from(record.data).toString()));

describe('the consumers of FakeFanOut', () => {
  it('are CREATING and DELETING for a while, and at most 20, of which 5 are new', async () => {
    const clock = new VirtualClock();
    const fanOut = new FakeFanOut({ fake: new FakeKinesis({ clock }), clock, transitionMillis: 1_000 });
    const { consumers } = fanOut;
    for (let count = 0; count < 5; count += 1) consumers.register(`c${count}`);
    expect(() => consumers.register('c5')).toThrow('5 of them CREATING');
    expect(() => consumers.register('c0')).toThrow('already exists');
    const { arn } = consumers.find({ name: 'c0' });
    expect(() => fanOut.subscribe({ consumerArn: arn, shardId, start: horizon }, new AbortController().signal)).toThrow(
      'not ACTIVE',
    );
    for (let count = 5; count < 20; count += 1) {
      await clock.advance(1_000);
      consumers.register(`c${count}`);
    }
    await clock.advance(1_000);
    expect(() => consumers.register('c20')).toThrow('has 20 consumers');
    consumers.deregister({ arn });
    expect(consumers.find({ arn }).status).toBe('DELETING');
    await clock.advance(1_000);
    expect(() => consumers.find({ arn })).toThrow('not found');
    expect(consumers.register('c20').status).toBe('CREATING');
  });
});

describe('a subscription of FakeFanOut', () => {
  it('gives what is there, then what comes, and goes on behind the continuation number', async () => {
    const { clock, fake, subscribe } = setup();
    fake.put('k', 'zero');
    fake.put('k', 'one');
    const events = subscribe();
    const [first] = await take(clock, events, 1);
    expect(textsOf([first as FakeFanOutEvent])).toEqual(['zero', 'one']);
    expect(first?.continuationSequenceNumber).toBe(first?.records.at(-1)?.sequenceNumber);
    const waiting = take(clock, events, 1);
    fake.put('k', 'two');
    const [second] = await waiting;
    expect(textsOf([second as FakeFanOutEvent])).toEqual(['two']);
    expect(second?.millisBehindLatest).toBe(0);
    fake.put('k', 'three');
    await clock.advance(10_000);
    const sequenceNumber = second?.continuationSequenceNumber ?? '';
    const again = subscribe({ type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber });
    expect(textsOf(await take(clock, again, 1))).toEqual(['three']);
  });

  it('gives an event without records every 5 s, with a number to go on', async () => {
    const { clock, subscribe } = setup();
    const startMillis = clock.monotonicMillis();
    const events = await take(clock, subscribe(), 3);
    expect(clock.monotonicMillis() - startMillis).toBe(10_000);
    expect(textsOf(events)).toEqual([]);
    const sequenceNumber = events[2]?.continuationSequenceNumber ?? '';
    expect(sequenceNumber).toMatch(/^\d{56}$/);
    const again = subscribe({ type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber });
    expect(await take(clock, again, 1)).toHaveLength(1);
  });

  it('ends after 5 minutes', async () => {
    const { clock, subscribe } = setup();
    const startMillis = clock.monotonicMillis();
    const events = await take(clock, subscribe(), 1_000);
    expect(clock.monotonicMillis() - startMillis).toBe(300_000);
    expect(events).toHaveLength(60);
  });

  it('ends at the end of the shard with its children, and without a number to go on', async () => {
    const { clock, fake, subscribe } = setup();
    const events = subscribe();
    await take(clock, events, 1);
    const waiting = take(clock, events, 10);
    fake.put('k', 'last');
    const children = fake.split(shardId);
    const rest = await waiting;
    expect(textsOf(rest)).toEqual(['last']);
    const last = rest.at(-1);
    expect(last?.childShards.map((child) => child.shardId)).toEqual(children);
    expect(last?.continuationSequenceNumber).toBeUndefined();
    await clock.advance(5_000);
    expect((await take(clock, subscribe(), 10)).at(-1)?.childShards).toHaveLength(2);
  });

  it('gives 2 MB a second', async () => {
    const { clock, fake, subscribe } = setup();
    for (let count = 0; count < 12; count += 1) fake.put('k', new Uint8Array(1_000_000));
    const startMillis = clock.monotonicMillis();
    expect(textsOf(await take(clock, subscribe(), 12))).toHaveLength(12);
    expect(clock.monotonicMillis() - startMillis).toBeGreaterThanOrEqual(4_000);
  });

  it('is refused within 5 s of another one, and takes it over later', async () => {
    const { clock, subscribe } = setup();
    const first = subscribe();
    await take(clock, first, 1);
    const waiting = first.next();
    expect(() => subscribe()).toThrow(expect.objectContaining({ name: 'ResourceInUseException' }));
    await clock.advance(4_999);
    expect(() => subscribe()).toThrow(expect.objectContaining({ name: 'ResourceInUseException' }));
    await clock.advance(1);
    await expect(waiting).resolves.toMatchObject({ done: false });
    expect(() => subscribe()).toThrow(expect.objectContaining({ name: 'LimitExceededException' }));
    await clock.advance(1_000);
    const ending = first.next();
    const second = subscribe();
    await expect(ending).rejects.toMatchObject({ name: 'ResourceInUseException' });
    expect(await take(clock, second, 1)).toHaveLength(1);
  });

  it('is refused more than once a second, counting calls that failed', async () => {
    const { clock, subscribe } = setup();
    const wrong: StartPosition = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '5' };
    expect(() => subscribe(wrong)).toThrow(expect.objectContaining({ name: 'InvalidArgumentException' }));
    expect(() => subscribe()).toThrow(expect.objectContaining({ name: 'LimitExceededException' }));
    await clock.advance(1_000);
    expect(await take(clock, subscribe(), 1)).toHaveLength(1);
  });

  it('ends when its consumer is deregistered, and when its caller goes', async () => {
    const { clock, fanOut, subscribe, consumerArn, caller } = setup();
    const one = subscribe();
    await take(clock, one, 1);
    const ending = one.next();
    fanOut.consumers.deregister({ arn: consumerArn });
    await expect(ending).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    expect(() => subscribe()).toThrow('not found');
    const { arn } = fanOut.consumers.register('other');
    const two = fanOut.subscribe({ consumerArn: arn, shardId, start: horizon }, caller.signal);
    await take(clock, two, 1);
    const waiting = two.next();
    caller.abort();
    await expect(waiting).resolves.toMatchObject({ done: true });
  });
});
