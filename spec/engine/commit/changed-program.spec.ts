import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import type { StateConversion } from '../../../lib/engine/commit/state-conversion.ts';
import type { DStream, PairDStream } from '../../../lib/engine/stream.ts';
import type { MillraceEvent } from '../../../lib/event/event.ts';
import { type Holder, HolderWorld, type HolderOptions } from './holders.ts';

const scopes = ['shard', 'application'] as const;
/** Of each shard so many records of three keys. */
const texts = (shard: string, count: number) => Array.from({ length: count }, (_, index) => `${shard}${index % 3}`);

type Counted = PairDStream<string, KinesisRecord>;

/** One program after the other: each renames the operator and changes the shape of its values. */
interface Program {
  readonly count: (pairs: Counted) => DStream<readonly [string, number]>;
  readonly convertState?: Readonly<Record<string, StateConversion>>;
}

interface Second {
  readonly sum: number;
}
interface Third {
  readonly total: bigint;
  readonly since: Date;
}

const since = new Date(7);
const numberOf = (stored: unknown): number => {
  if (typeof stored !== 'number') throw new TypeError(`not of the first program: ${JSON.stringify(stored)}`);
  return stored;
};
const sumOf = (stored: unknown): number => numberOf((stored as Partial<Second>).sum);

const programs: readonly Program[] = [
  {
    count: (pairs) => pairs.updateStateByKey<number>('counts', (values, count = 0) => count + values.length),
  },
  {
    count: (pairs) =>
      pairs
        .updateStateByKey<Second>('sums', (values, { sum } = { sum: 0 }) => ({ sum: sum + values.length }))
        .mapValues(({ sum }) => sum),
    convertState: { sums: { formerId: 'counts', version: 1, convert: (stored) => ({ sum: numberOf(stored) }) } },
  },
  {
    count: (pairs) =>
      pairs
        .updateStateByKey<Third>('totals', (values, before = { total: 0n, since }) => {
          return { ...before, total: before.total + BigInt(values.length) };
        })
        .mapValues(({ total, since: from }) => Number(total) * (from.getTime() === 7 ? 1 : NaN)),
    convertState: {
      totals: {
        formerId: ['counts', 'sums'],
        version: 2,
        convert: (stored, { storedVersion }) => {
          return { total: BigInt(storedVersion === 0 ? numberOf(stored) : sumOf(stored)), since };
        },
      },
    },
  },
];

type Scope = (typeof scopes)[number];
type Counts = Record<string, number>;

/** Runs a program to its end, or its death; what it counted last goes into `shown`. */
async function hold(
  world: HolderWorld,
  shown: Counts,
  { count, convertState = {} }: Program,
  options: Pick<HolderOptions, 'diesAt'> & { readonly scope: Scope },
): Promise<Holder> {
  const holder = await world.start(
    (stream) => {
      const pairs =
        options.scope === 'shard'
          ? stream.keyByPartitionKey()
          : stream.mapToPair((record) => [record.partitionKey, record]);
      count(pairs).foreachBatch((batch) => {
        for (const [key, value] of batch.collect()) shown[key] = value;
      });
    },
    { blockRecords: 2, blocksAtOnce: 1, convertState, ...options },
  );
  await holder.readAll();
  if (!holder.isDead) await world.clock.runUntil(holder.running);
  holder.die();
  return holder;
}

const points = ['state.converted', 'stateWritten', 'outputsDone', 'committed'] as const;
const isAt = (point: (typeof points)[number], event: MillraceEvent) =>
  event.type === point || (event.type === 'batch.step' && event.step === point);

function atPoint(point: (typeof points)[number], times: number): NonNullable<HolderOptions['diesAt']> {
  let left = times;
  return (event) => isAt(point, event) && (left -= 1) === 0;
}

const world = () => new HolderWorld({ a: texts('a', 23), b: texts('b', 11) });
const all: Counts = { a0: 8, a1: 8, a2: 7, b0: 4, b1: 4, b2: 3 };
const conversions = ({ events }: Holder) => events.filter(({ type }) => type === 'state.converted');

describe.each(scopes)('a program that reads the state of an earlier one, in %s scope', (scope) => {
  it('goes on from all of it, converted once, wherever the processes die', async () => {
    const death = fc.record({
      step: fc.nat({ max: 1 }),
      point: fc.constantFrom(...points),
      times: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(death, { minLength: 1, maxLength: 5 }), async (deaths) => {
        const at = world();
        // A batch that is repeated shows the same again, so what was shown last is what is committed at the end.
        const shown: Counts = {};
        let program = 0;
        for (const { step, point, times } of deaths) {
          await hold(at, shown, programs[program] as Program, { scope, diesAt: atPoint(point, times) });
          await at.clock.advance(2_000);
          program = Math.min(program + step, programs.length - 1);
        }
        const last = await hold(at, shown, programs[program] as Program, { scope });
        await expect(last.running).resolves.toBeUndefined();
        expect(shown).toEqual(all);
      }),
      { numRuns: 12 },
    );
  });

  it('is converted again when it dies before its first commit, and never after it', async () => {
    const at = world();
    const [first, second] = programs as [Program, Program];
    await hold(at, {}, first, { scope, diesAt: atPoint('committed', 4) });
    await at.clock.advance(2_000);
    const killed = await hold(at, {}, second, { scope, diesAt: atPoint('stateWritten', 1) });
    expect(conversions(killed).length).toBeGreaterThan(0);
    await at.clock.advance(2_000);
    const groups = scope === 'shard' ? 2 : 1;
    const again = await hold(at, {}, second, { scope, diesAt: atPoint('committed', groups + 1) });
    expect(conversions(again)).toHaveLength(groups);
    expect(conversions(again)[0]).toMatchObject({ operator: 'sums', storedAs: 'counts', storedVersion: 0, version: 1 });
    await at.clock.advance(2_000);
    const shown: Counts = {};
    const last = await hold(at, shown, second, { scope });
    expect(conversions(last)).toEqual([]);
    expect(shown).toEqual(all);
  });
});
