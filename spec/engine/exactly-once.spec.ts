import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { follows } from '../../lib/block/range.ts';
import { startRig } from './harness.ts';

/** What happens to one engine: blocks with words, and time between them. */
type Step = { readonly shard: number; readonly words: readonly string[] } | { readonly waitMillis: number };

const words = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 6 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ shard: fc.nat({ max: 3 }), words }) },
    { weight: 1, arbitrary: fc.record({ waitMillis: fc.nat({ max: 2_500 }) }) },
  ),
  { maxLength: 25 },
);

function tally(pairs: Iterable<readonly [string, number]>): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [word, n] of pairs) sums[`word ${word}`] = (sums[`word ${word}`] ?? 0) + n;
  return sums;
}

/** The failures of the first calls of the output: each call with an index in here throws. */
const failing = fc.uniqueArray(fc.nat({ max: 12 }), { maxLength: 6 });

const firstCalls = Array.from({ length: 8 }, (_, index) => index);

/** Runs the steps through a word count, whose output may fail, and answers what came out and what was acknowledged. */
async function count(
  plan: readonly Step[],
  fails: readonly number[],
  options: { partial: boolean; isAsync: boolean; isShort?: boolean },
) {
  const merged: (readonly [string, number])[] = [];
  const received: string[] = [];
  const acksAtOutput: number[] = [];
  let calls = 0;
  const rig = startRig(
    (stream) =>
      stream
        .map((record) => (options.isAsync ? Promise.resolve(record.text()) : record.text()))
        .mapToPair((word) => [word, 1])
        .reduceByKey((a, b) => a + b, { partial: options.partial })
        .foreachBatch((batch, { group }) => {
          calls += 1;
          if (fails.includes(calls - 1)) throw new Error('for now');
          merged.push(...batch.collect());
          received.push(...batch.ranges.map((range) => `${group} ${range.shardId}`));
          acksAtOutput.push(rig.feed.acked.length);
        }),
    { maximumRetryAttempts: -1 },
  );
  rig.feed.isShort = options.isShort === true;
  const blocks = [];
  for (const step of plan) {
    if ('waitMillis' in step) await rig.clock.advance(step.waitMillis);
    else blocks.push(rig.feed.push(`shard-${step.shard}`, step.words));
  }
  rig.feed.end();
  await rig.clock.runUntil(rig.running, { atMostMillis: 3_600_000 });
  const { acked, droppedTexts, rereadTexts } = rig.feed;
  const completed = rig.eventsOf('batch.completed');
  return { merged, received, blocks, acked, acksAtOutput, completed, droppedTexts, rereadTexts };
}

describe('every split of records into blocks, shards and batches', () => {
  it.each([
    { partial: true, isAsync: false },
    { partial: true, isAsync: true },
    { partial: false, isAsync: false },
    // Blocks that wait are dropped from memory, and read again.
    { partial: true, isAsync: false, isShort: true },
  ])('gives the sums of a plain loop, with each range in one batch and acked once, in order: %o', async (options) => {
    let rereads = 0;
    await fc.assert(
      fc.asyncProperty(steps, failing, async (plan, some) => {
        // Only behind a batch that fails for long enough something waits.
        const fails = options.isShort === true ? [...some, ...firstCalls] : some;
        const { merged, received, blocks, acked, completed, ...lineage } = await count(plan, fails, options);
        expect(lineage.rereadTexts.toSorted()).toEqual(lineage.droppedTexts.toSorted());
        rereads += lineage.rereadTexts.length;
        const reference = blocks.flatMap((block) => block.records.map((record) => [record.text(), 1] as const));
        expect(tally(merged)).toEqual(tally(reference));

        expect(received).toHaveLength(blocks.length);
        expect(new Set(acked)).toEqual(new Set(blocks.map((block) => block.range)));
        expect(acked).toHaveLength(blocks.length);
        for (const shard of new Set(acked.map((range) => range.shardId))) {
          const ranges = acked.filter((range) => range.shardId === shard);
          for (const [index, range] of ranges.entries()) {
            if (index > 0) expect(follows(range, ranges[index - 1]!)).toBe(true);
          }
        }
        expect(completed.reduce((sum, event) => sum + event.records, 0)).toBe(reference.length);
        for (const group of new Set(completed.map((event) => event.group))) {
          const ofGroup = completed.filter((event) => event.group === group);
          expect(ofGroup.map((event) => event.batchId)).toEqual(ofGroup.map((_, index) => index + 1));
          const times = ofGroup.map((event) => event.batchTimeMillis);
          expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
        }
      }),
      { numRuns: 60 },
    );
    expect(rereads > 0).toBe(options.isShort === true);
  });

  it('acknowledges nothing of a batch before its output has returned', async () => {
    await fc.assert(
      fc.asyncProperty(steps, failing, async (plan, fails) => {
        const { acksAtOutput, completed } = await count(plan, fails, { partial: false, isAsync: false });
        let finished = 0;
        for (const [index, event] of completed.entries()) {
          expect(acksAtOutput[index]).toBe(finished);
          finished += event.blocks;
        }
      }),
      { numRuns: 40 },
    );
  });
});
