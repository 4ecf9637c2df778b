import fc from 'fast-check';
import { expect, it } from 'vitest';
import { timeInGroup } from '../../../lib/engine/window/panes.ts';
import { type Reading, type ShardId, WindowShards } from './window-shards.ts';

const second = 1_000;
const seconds = (min: number, max: number) => fc.integer({ min, max }).map((value) => value * second);
const lengths = fc.constantFrom([10_000, 10_000] as const, [12_000, 4_000] as const, [5_000, 5_000] as const);

/** A program over shards, and the processes that read each of them. */
class Course {
  readonly shards: WindowShards;
  readonly texts: string[] = [];
  quietMillis = 0;
  readonly readings = new Map<ShardId, Reading>();

  constructor(length: readonly [number, number]) {
    this.shards = new WindowShards(length);
  }

  /** So many seconds, with a record of each shard that is read in each. */
  async put(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      for (const [shardId, reading] of this.readings) {
        const text = `${shardId}${this.texts.length}`;
        this.texts.push(text);
        reading.put(text, shardId);
      }
      await this.shards.clock.advance(second);
    }
  }

  async begin(shardId: ShardId, parents: readonly ShardId[] = []): Promise<void> {
    this.readings.set(shardId, await this.shards.begin([shardId], parents));
  }

  async stop(shardId: ShardId, isEnd = false): Promise<void> {
    // Windows go on where nothing comes in, in batches that leave no version.
    await this.shards.clock.advance(this.quietMillis);
    const reading = this.readings.get(shardId);
    this.readings.delete(shardId);
    if (isEnd) reading?.end(shardId);
    await reading?.close();
  }

  /** Two shards from when each begins to when it stops, second by second. */
  async run(begins: Readonly<Record<'a' | 'b', number>>, stops: typeof begins, isEnd: boolean): Promise<void> {
    for (let now = 0; now <= Math.max(stops.a, stops.b); now += second) {
      for (const shardId of ['a', 'b'] as const) {
        if (now === begins[shardId]) await this.begin(shardId);
        if (now === stops[shardId]) await this.stop(shardId, isEnd);
      }
      await this.put(1);
    }
  }

  /** Each text is in all the windows that it belongs to, and in each of them once. */
  check([windowMillis, slideMillis]: readonly [number, number]): void {
    const each = Object.fromEntries(this.texts.map((text) => [text, windowMillis / slideMillis]));
    expect(this.shards.countsOf('whole')).toEqual(each);
    expect(this.shards.countsOf('reduced')).toEqual(each);
  }
}

const courses = fc.record({
  length: lengths,
  beginMillis: seconds(0, 11),
  stops: fc.record({ a: seconds(12, 30), b: seconds(12, 30) }),
  gapMillis: seconds(0, 9),
  quietMillis: seconds(0, 9),
});
const tumbling = [10_000, 10_000] as const;
const examples = [
  // Windows of one end at 10 s, of the other at 13 s.
  { length: tumbling, beginMillis: 3_000, stops: { a: 14_000, b: 15_000 }, gapMillis: 0, quietMillis: 0 },
  // They end at the same times, and one goes on beyond an end that the other did not reach.
  { length: tumbling, beginMillis: 0, stops: { a: 14_000, b: 25_000 }, gapMillis: 0, quietMillis: 0 },
  // The last batch of one is the end of its window, which it has given.
  { length: tumbling, beginMillis: 3_000, stops: { a: 19_000, b: 13_000 }, gapMillis: 0, quietMillis: 0 },
  // So are those of both, in batches that change nothing.
  { length: tumbling, beginMillis: 0, stops: { a: 14_000, b: 14_000 }, gapMillis: 0, quietMillis: 5_000 },
].map((example): [typeof example] => [example]);

it('every record of two shards that are merged is in as many windows as of one, whenever they began and ended', async () => {
  await fc.assert(
    fc.asyncProperty(courses, async ({ length, beginMillis, stops, gapMillis, quietMillis }) => {
      const course = new Course(length);
      course.quietMillis = quietMillis;
      await course.run({ a: 0, b: beginMillis }, stops, true);
      await course.shards.clock.advance(gapMillis);
      await course.begin('child', ['a', 'b']);
      await course.put(4);
      // Without records, until all windows are given.
      await course.shards.clock.advance(40 * second);
      await course.stop('child');
      course.check(length);
    }),
    { numRuns: 10, examples },
  );
});

it('every record is in as many windows when shards of one group each are brought to one group, and back', async () => {
  await fc.assert(
    fc.asyncProperty(courses, async ({ length, beginMillis, stops, gapMillis, quietMillis }) => {
      const course = new Course(length);
      const { shards } = course;
      course.quietMillis = quietMillis;
      await course.run({ a: 0, b: beginMillis }, stops, false);
      await shards.clock.advance(gapMillis);
      await shards.admin.migrate({ toScope: 'application' });
      const latest = Math.max(...shards.times);
      shards.times = [];
      const both = await shards.begin(['a', 'b'], [], true);
      course.readings.set('a', both).set('b', both);
      await course.put(4);
      course.readings.clear();
      await both.close();
      expect(Math.min(...shards.times)).toBeGreaterThan(latest);
      await shards.admin.migrate({ toScope: 'shard' });
      for (const shardId of ['a', 'b'] as const) await course.begin(shardId);
      await course.put(2);
      await shards.clock.advance(40 * second);
      for (const shardId of ['a', 'b'] as const) await course.stop(shardId);
      course.check(length);
    }),
    { numRuns: 8, examples },
  );
});

it('every record is in as many windows after a rewind, of which what was taken back does not count', async () => {
  const rewinds = fc.record({
    length: lengths,
    ran: fc.integer({ min: 1, max: 30 }),
    versionsBack: fc.integer({ min: 1, max: 9 }),
  });
  await fc.assert(
    fc.asyncProperty(rewinds, seconds(0, 30), async ({ length, ran, versionsBack }, gapMillis) => {
      const course = new Course(length);
      const { shards } = course;
      await course.begin('a');
      await course.put(ran + versionsBack + 1);
      await course.stop('a');
      await shards.clock.advance(gapMillis);
      const [move] = await shards.admin.rewind({ to: { versionsBack } });
      const heldThrough = move?.stateOfBatchId ?? 0;
      shards.given = shards.given.filter(({ batchId }) => batchId <= heldThrough);
      await course.begin('a');
      await course.put(1);
      // What is committed now must be whole without the rewind.
      await course.stop('a');
      await course.begin('a');
      await course.put(3);
      await shards.clock.advance(40 * second);
      await course.stop('a');
      course.check(length);
    }),
    { numRuns: 10, examples: [[{ length: tumbling, ran: 13, versionsBack: 8 }, 0]] },
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
