import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { createProducer } from '../../lib/kinesis/producer.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { produce, recordsDue } from './demo/produce.ts';
import { WordLines } from './demo/word-lines.ts';

async function run(options: { seconds: number; rate: number; shardCount: number }) {
  const { seconds, rate, shardCount } = options;
  const clock = new VirtualClock();
  const fake = new FakeKinesis({ clock, shardCount });
  const places = new Set<string>();
  const putAt: number[] = [];
  const producing = produce(
    {
      producer: createProducer({ api: fake.connect(), clock, random: seededRandom(1) }),
      lines: new WordLines(1),
      clock,
      seconds,
      rate,
      onAcknowledged: ({ shardId, sequenceNumber }) => {
        places.add(`${shardId}:${sequenceNumber}`);
        putAt.push(clock.monotonicMillis());
      },
    },
    new AbortController().signal,
  );
  await clock.runUntil(producing, { atMostMillis: 600_000 });
  const stored = fake.shards.reduce((sum, shard) => sum + shard.recordCount, 0);
  return { places, putAt, stored, tookMillis: clock.monotonicMillis() };
}

describe('the producer of the demo', () => {
  it('puts rate times seconds records, evenly', async () => {
    const { places, putAt, stored, tookMillis } = await run({ seconds: 10, rate: 300, shardCount: 4 });
    expect([places.size, stored, tookMillis]).toEqual([3_000, 3_000, 10_000]);
    for (let second = 1; second <= 10; second += 1) {
      expect(putAt.filter((millis) => millis <= second * 1_000).length).toBe(second * 300);
    }
  });

  it('puts again what PutRecords refused in part, so that what is stored is what was acknowledged', async () => {
    const { places, stored } = await run({ seconds: 3, rate: 2_500, shardCount: 1 });
    expect(places.size).toBeGreaterThan(1_000);
    expect(stored).toBe(places.size);
  });

  it('puts less when the service is slower than the rate, rather than ever larger calls', () => {
    expect(recordsDue({ elapsedMillis: 100, rate: 300, offered: 0 })).toBe(30);
    expect(recordsDue({ elapsedMillis: 133, rate: 300, offered: 30 })).toBe(9);
    expect(recordsDue({ elapsedMillis: 60_000, rate: 5_000, offered: 0 })).toBe(500);
    expect(recordsDue({ elapsedMillis: 0, rate: 5_000, offered: 3 })).toBe(0);
  });
});

describe('the lines of words', () => {
  it('are the same for the same seed, however they are taken', () => {
    const [one, two, other] = [new WordLines(5), new WordLines(5), new WordLines(6)];
    const all = one.take(100);
    expect([...two.take(40), ...two.take(60)]).toEqual(all);
    expect(other.take(100)).not.toEqual(all);
  });

  it('have 3 to 12 words without spaces, the first of the vocabulary most often, and many partition keys', () => {
    const lines = new WordLines(1).take(2_000);
    const counts = new Map<string, number>();
    for (const { words } of lines) {
      expect(words.length).toBeGreaterThanOrEqual(3);
      expect(words.length).toBeLessThanOrEqual(12);
      for (const word of words) {
        expect(word).toMatch(/^\S+$/);
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
    expect([...counts].sort(([, a], [, b]) => b - a)[0]?.[0]).toBe('the');
    expect(counts.size).toBeGreaterThan(60);
    expect(new Set(lines.map(({ partitionKey }) => partitionKey)).size).toBe(2_000);
  });
});
