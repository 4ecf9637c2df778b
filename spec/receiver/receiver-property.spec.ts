import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMillraceError } from '../../lib/base/error.ts';
import { sleep } from '../../lib/base/clock.ts';
import { randomInteger, seededRandom } from '../../lib/base/random.ts';
import { Fleet, type Worker, noAnswer, wait } from './fleet.ts';
import { historyFaults } from './history.ts';
import { limitOfRuns, runs } from '../support/runs.ts';

const failoverTimeMillis = 3_000;
const maximumWorkers = 3;
const maximumOpenShards = 6;
const numRuns = runs(30);

const which = fc.nat(5);
const clean = [
  { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), count: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('split' as const), which }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('merge' as const), which }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('start' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('drain' as const), which }) },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('wait' as const), millis: fc.integer({ min: 1, max: 4_000 }) }),
  },
] as const;
const rough = [
  { weight: 2, arbitrary: fc.record({ type: fc.constant('kill' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('pause' as const),
      which,
      millis: fc.integer({ min: failoverTimeMillis / 2, max: 3 * failoverTimeMillis }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('tableFails' as const),
      millis: fc.integer({ min: 1, max: 2 * failoverTimeMillis }),
      /** Whether writes are applied although they bring no answer. */
      applied: fc.boolean(),
    }),
  },
] as const;

const cleanStep = fc.oneof(...clean);
const anyStep = fc.oneof(...clean, ...rough);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** A fleet that is told what to do step by step. */
class Story {
  readonly fleet = new Fleet({ shardCount: 2 });
  readonly #random: ReturnType<typeof seededRandom>;
  #failing: { readonly applied: boolean } | undefined;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const { clock, table } = this.fleet;
    table.intercept = async () => {
      await sleep(clock, randomInteger(this.#random, 30));
      const failing = this.#failing;
      if (failing === undefined) return undefined;
      if (!failing.applied) throw noAnswer();
      return () => {
        throw noAnswer();
      };
    };
  }

  get #workers(): readonly Worker[] {
    return this.fleet.workers.filter((worker) => !worker.hasEnded && worker.process.life !== 'killed');
  }

  async take(step: Step): Promise<void> {
    const { fleet } = this;
    switch (step.type) {
      case 'put':
        return fleet.put(step.count);
      case 'split':
        return this.#split(step.which);
      case 'merge':
        return this.#merge(step.which);
      case 'start':
        return this.#start();
      case 'wait':
        return fleet.clock.advance(step.millis);
      case 'drain':
        return void this.#worker(step.which)?.drain();
      case 'kill':
        return this.#worker(step.which)?.process.kill();
      case 'pause': {
        const worker = this.#worker(step.which);
        worker?.process.pause();
        return void fleet.clock.timer(step.millis, () => worker?.process.resume());
      }
      case 'tableFails': {
        const failing = { applied: step.applied };
        this.#failing = failing;
        fleet.clock.timer(step.millis, () => {
          if (this.#failing === failing) this.#failing = undefined;
        });
      }
    }
  }

  #worker(index: number): Worker | undefined {
    return this.#workers[index % Math.max(1, this.#workers.length)];
  }

  #start(): void {
    if (this.#workers.length >= maximumWorkers) return;
    this.fleet.start(`worker ${this.fleet.workers.length}`, {
      failoverTimeMillis,
      checkpointIntervalMillis: 1_000,
      blockMaxRecords: 5,
      maxUnackedBlocks: 8,
      handle: (_, worker) => wait(worker, randomInteger(this.#random, 1_200)),
    });
  }

  #split(index: number): void {
    const open = this.fleet.kinesis.openShards;
    const shard = open[index % open.length];
    if (shard !== undefined && open.length < maximumOpenShards) this.fleet.kinesis.split(shard.shardId);
  }

  #merge(index: number): void {
    const open = [...this.fleet.kinesis.openShards].sort((a, b) =>
      BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1,
    );
    const pairs = open.slice(1).map((shard, before) => [open[before], shard] as const);
    const [one, other] = pairs[index % Math.max(1, pairs.length)] ?? [];
    if (one !== undefined && other !== undefined) this.fleet.kinesis.merge(one.shardId, other.shardId);
  }

  /** Lets everything come to its end with one worker at least. */
  async end(): Promise<void> {
    this.#failing = undefined;
    for (const worker of this.#workers) worker.process.resume();
    // A drain under way ends, and somebody is there afterwards.
    await this.fleet.clock.advance(30_000);
    this.#start();
    await this.fleet.clock.advance(10_000);
    await this.fleet.clock.runUntil(() => this.fleet.allDelivered && this.fleet.isCheckpointed, {
      atMostMillis: 600_000,
    });
    for (const worker of this.#workers) await this.fleet.clock.runUntil(worker.drain());
  }
}

async function play(steps: readonly Step[], seed: number): Promise<Story> {
  const story = new Story(seed);
  await story.fleet.clock.advance(1);
  await story.take({ type: 'start' });
  for (const step of steps) await story.take(step);
  await story.end();
  return story;
}

// A failure prints the seed and the path of fast-check; give both to fc.assert to see it again.
describe('any story of workers and shards', () => {
  it(
    'hands out every record at least once, in order, children after their parents',
    { timeout: limitOfRuns(60_000) },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 40 }), fc.nat(), async (steps, seed) => {
          const { fleet } = await play(steps, seed);
          expect(fleet.verdict.missing).toEqual([]);
          expect(historyFaults(fleet)).toEqual([]);
          // A drain over a table out of reach may say that work will be repeated; there is no other fault.
          const outcomes = fleet.workers.map(({ outcome }) => outcome);
          expect(
            outcomes.filter(
              (outcome) =>
                outcome !== undefined && outcome !== 'resolved' && !isMillraceError(outcome, 'MR_DRAIN_TIMEOUT'),
            ),
          ).toEqual([]);
          // One that was killed between the end of a shard and its release stays the owner of an ended lease.
          const kept = fleet.table.rows.filter(
            (row) => row.checkpoint.kind !== 'SHARD_END' && row.leaseOwner !== undefined,
          );
          expect(kept).toEqual([]);
        }),
        { numRuns },
      );
    },
  );

  it(
    'hands out every record exactly once when workers only join and drain',
    { timeout: limitOfRuns(60_000) },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(cleanStep, { minLength: 5, maxLength: 40 }), fc.nat(), async (steps, seed) => {
          const { fleet } = await play(steps, seed);
          expect(fleet.verdict).toEqual({ missing: [], repeated: [] });
          expect(historyFaults(fleet)).toEqual([]);
        }),
        { numRuns },
      );
    },
  );
});
