import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Channel } from '../../../lib/base/channel.ts';
import { type Position, SHARD_END, TRIM_HORIZON, positionOf } from '../../../lib/base/position.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Block } from '../../../lib/block/block.ts';
import type { BlockSource } from '../../../lib/block/block-source.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import type { InheritedState } from '../../../lib/block/shard-opening.ts';
import { CommitPlace } from '../../../lib/engine/commit/commit-place.ts';
import { codecsOf } from '../../../lib/engine/commit/plan-codecs.ts';
import { EngineContext } from '../../../lib/engine/context.ts';
import { createEngine } from '../../../lib/engine/engine.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { timeInGroup } from '../../../lib/engine/window/panes.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';

const streamName = 'lines';
const batchIntervalMillis = 1_000;
const half = 2n ** 127n;
const rangeOf = (from: bigint, to: bigint) => ({ startingHashKey: String(from), endingHashKey: String(to) });
const ranges = { a: rangeOf(0n, half - 1n), b: rangeOf(half, 2n * half - 1n), child: rangeOf(0n, 2n * half - 1n) };
type ShardId = keyof typeof ranges;

/** Shards of one application, each read by a process of its own that commits to one store, on virtual time. */
class Shards {
  readonly clock = new VirtualClock({ startWallMillis: 0 });
  /** In how many windows each text was given, by the window and by the reduced one. */
  readonly windows = new Map<string, number>();
  readonly reduced = new Map<string, number>();
  /** What the row of each shard names. */
  readonly states = new Map<ShardId, string>();
  readonly #store = new MemoryStore();
  readonly #length: readonly [windowMillis: number, slideMillis: number];
  #processes = 0;

  constructor(length: readonly [number, number]) {
    this.#length = length;
  }

  /** Begins to read a shard; answers what reads a record of it, and what ends it. */
  async begin(shardId: ShardId, parents: readonly ShardId[] = []) {
    const { clock } = this;
    const random = seededRandom((this.#processes += 1));
    const context = new EngineContext({ batchIntervalMillis, state: this.#store });
    const input = context.addInput<KinesisRecord>(streamName);
    const add = (counts: Map<string, number>, text: string, times: number) =>
      counts.set(text, (counts.get(text) ?? 0) + times);
    input
      .map((record) => record.text())
      .window(...this.#length)
      .foreachBatch((batch) => {
        for (const text of batch.collect()) add(this.windows, text, 1);
      });
    input
      .keyByPartitionKey()
      .mapValues(() => 1)
      .reduceByKeyAndWindow(
        (x, y) => x + y,
        (x, y) => x - y,
        ...this.#length,
      )
      .foreachBatch((batch) => {
        for (const [key, count] of batch.collect()) add(this.reduced, key, count);
      });
    const plan = context.seal();
    const codecs = codecsOf(plan);
    const place = new CommitPlace({ store: this.#store, application: 'app', scope: plan.scope, codecs, random });
    const blocks = new Channel<Block>();
    const source: BlockSource = {
      blocks,
      ack: () => {},
      commit: async (_range, written) => {
        if (written?.state !== undefined) this.states.set(shardId, written.state);
        return 'committed';
      },
      demand: () => {},
    };
    const commits = { place, onKeyNotPlaced: 'OFF' } as const;
    const engine = createEngine({ plan, source, clock, events: new EventBus(), random, commits });
    const running = engine.run(new AbortController().signal);
    running.catch(() => {});
    const inherited = parents.map((parent): InheritedState => {
      return { shardId: parent, state: this.states.get(parent) as string, hashKeyRange: ranges[parent] };
    });
    const shard = { streamName, shardId, tenure: 1, hashKeyRange: ranges[shardId] };
    const opening = { ...shard, checkpoint: TRIM_HORIZON, parentShardIds: parents, inherited };
    await clock.runUntil(engine.open(opening, source, new AbortController().signal));
    let after: Position = TRIM_HORIZON;
    let count = 0;
    const send = (through: Position, records: readonly KinesisRecord[]) => {
      const range = { shardId, tenure: 1, after, through };
      const { signal } = new AbortController();
      const sealed = { bytes: 0, sealedAtMillis: 0, millisBehindLatest: 0, signal };
      blocks.send({ id: `${shardId}/${count}`, streamName, shardId, tenure: 1, range, records, ...sealed });
      after = through;
    };
    return {
      read: (text: string) => {
        count += 1;
        const data = new TextEncoder().encode(text);
        const at = { sequenceNumber: String(count), subSequenceNumber: 0, arrivalTimeMillis: 0 };
        send(positionOf(BigInt(count)), [new KinesisRecord({ data, partitionKey: text, ...at, shardId, streamName })]);
      },
      end: () => send(SHARD_END, []),
      close: async () => {
        blocks.close();
        await clock.runUntil(running);
      },
    };
  }
}

/** Two shards begin and end when they like, with a record a second; their child goes on. Answers the texts. */
async function merge(shards: Shards, beginMillis: number, endMillis: Readonly<Record<'a' | 'b', number>>, gap: number) {
  const { clock } = shards;
  const texts: string[] = [];
  const readers = new Map<'a' | 'b' | 'child', Awaited<ReturnType<Shards['begin']>>>();
  const step = async () => {
    for (const [shardId, { read }] of readers) {
      const text = `${shardId}${texts.length}`;
      texts.push(text);
      read(text);
    }
    await clock.advance(batchIntervalMillis);
  };
  const begins = { a: 0, b: beginMillis };
  for (let now = 0; now <= Math.max(endMillis.a, endMillis.b); now += batchIntervalMillis) {
    for (const shardId of ['a', 'b'] as const) {
      if (now === begins[shardId]) readers.set(shardId, await shards.begin(shardId));
      if (now !== endMillis[shardId]) continue;
      const reader = readers.get(shardId);
      readers.delete(shardId);
      reader?.end();
      await reader?.close();
    }
    await step();
  }
  await clock.advance(gap);
  const child = await shards.begin('child', ['a', 'b']);
  readers.set('child', child);
  for (let count = 0; count < 4; count += 1) await step();
  readers.clear();
  for (let count = 0; count < 40; count += 1) await step();
  await child.close();
  return texts;
}

const seconds = (min: number, max: number) => fc.integer({ min, max }).map((value) => value * 1_000);

it('every record of two shards that are merged is in as many windows as of one, whenever they began and ended', async () => {
  const lengths = fc.constantFrom([10_000, 10_000] as const, [12_000, 4_000] as const, [5_000, 5_000] as const);
  const ends = fc.record({ a: seconds(12, 30), b: seconds(12, 30) });
  await fc.assert(
    fc.asyncProperty(lengths, seconds(0, 11), ends, seconds(0, 9), async (length, beginMillis, endMillis, gap) => {
      const shards = new Shards(length);
      const texts = await merge(shards, beginMillis, endMillis, gap);
      const each = Object.fromEntries(texts.map((text) => [text, length[0] / length[1]]));
      expect(Object.fromEntries(shards.windows)).toEqual(each);
      expect(Object.fromEntries(shards.reduced)).toEqual(each);
    }),
    {
      numRuns: 10,
      examples: [
        // Windows of one end at 10 s, of the other at 13 s.
        [[10_000, 10_000], 3_000, { a: 14_000, b: 15_000 }, 0],
        // They end at the same times, and one goes on beyond an end that the other did not reach.
        [[10_000, 10_000], 0, { a: 14_000, b: 25_000 }, 0],
        // The last batch of one is the end of its window, which it has given.
        [[10_000, 10_000], 3_000, { a: 19_000, b: 13_000 }, 0],
      ],
    },
  );
});

it('a pane keeps its time in a group that stands where its own does', () => {
  const times = fc.record({
    zeroTimeMillis: fc.nat(20_000),
    after: fc.nat(50_000),
    slide: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 9 }), fc.nat(), ({ zeroTimeMillis, after, slide }, length, age) => {
      const span = { windowMillis: length * 1_000, slideMillis: slide * 1_000 };
      const group = { zeroTimeMillis, batchTimeMillis: zeroTimeMillis + after };
      const next = zeroTimeMillis + (Math.floor(after / span.slideMillis) + 1) * span.slideMillis;
      const time = group.batchTimeMillis - (age % 20_000);
      const kept = timeInGroup(time, span, group, group);
      expect(kept).toBe(time > next - span.windowMillis ? time : undefined);
    }),
  );
});

it('a pane is in as many windows of the other group as it was still to be in of its own', () => {
  const group = fc
    .record({ zeroTimeMillis: fc.nat(20_000), after: fc.nat(50_000) })
    .map(({ zeroTimeMillis, after }) => {
      return { zeroTimeMillis, batchTimeMillis: zeroTimeMillis + after };
    });
  const length = fc.integer({ min: 1, max: 9 });
  fc.assert(
    fc.property(group, group, length, length, fc.nat(20_000), (from, to, slide, window, age) => {
      const span = { windowMillis: window * 1_000, slideMillis: slide * 1_000 };
      const countOf = ({ zeroTimeMillis, batchTimeMillis }: typeof from, time: number | undefined) => {
        if (time === undefined) return 0;
        let count = 0;
        for (let end = zeroTimeMillis + span.slideMillis; end < time + span.windowMillis; end += span.slideMillis) {
          if (end > batchTimeMillis && end >= time) count += 1;
        }
        return count;
      };
      const time = from.batchTimeMillis - age;
      expect(countOf(to, timeInGroup(time, span, from, to))).toBe(countOf(from, time));
    }),
    { numRuns: 300 },
  );
});
