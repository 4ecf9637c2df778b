import { expect, it } from 'vitest';
import { runInChild } from '../run/simulate/run-seeds.ts';

const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

it('gives the same trace for ten seeds in two processes, whatever order they come in', async () => {
  const [forwards, backwards] = await Promise.all(
    [seeds, seeds.toReversed()].map((order) => runInChild({ seeds: order, stopAtFailure: false, engine: false }, [])),
  );
  expect([forwards?.fault, backwards?.fault]).toEqual([undefined, undefined]);
  const hashesOf = (end: typeof forwards) => end?.reports.map((report) => `${report.seed} ${report.traceHash}`).sort();
  expect(hashesOf(backwards)).toEqual(hashesOf(forwards));
  expect(new Set(forwards?.reports.map(({ traceHash }) => traceHash)).size).toBe(seeds.length);
}, 120_000);
