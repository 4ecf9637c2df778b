import { StreamingContext } from '../../../lib/app/streaming-context.ts';
import { runStream } from '../../../lib/testkit/stream-harness.ts';
import type { CaseRow, CaseTable } from './case-file.ts';

interface Means {
  readonly centers: readonly number[];
  readonly weights: readonly number[];
}

interface MeansLine extends Means {
  readonly points: readonly number[];
  readonly decay: number;
  readonly unit: 'batches' | 'points';
}

/** Rows that a program on our operators must reproduce. */
export const programCases: CaseTable = {
  S035: { run: slices, given: ['fromMs', 'toMs'] },
  S036: { run: sliceBeforeStart, says: /MR_CONFIG_INVALID: slice of .* before|not (yet )?started|has not/ },
  S343: { run: means, given: ['centers', 'weights', 'points', 'decay', 'unit'] },
};

/** One step of streaming k-means as state: the model under one key, the points as its values. */
async function means(row: CaseRow) {
  const expected: unknown[] = [];
  for (const line of row.expected as MeansLine[]) {
    const { centers, weights, points } = line;
    const given = await runStream<[number], readonly [string, Means]>({
      batchIntervalMillis: 1_000,
      inputs: [[points]],
      batches: 1,
      build: (_context, s) =>
        s
          .mapToPair<string, number>((point) => ['model', point])
          .updateStateByKey<Means>('model', (values, model) => model && step(line, values, model), {
            initialState: [['model', { centers, weights }]],
          }),
    });
    const model = given[0]?.[0]?.[1];
    expected.push({ ...line, newCenters: model?.centers, newWeights: model?.weights });
  }
  return { expected };
}

function step({ decay, unit }: MeansLine, points: readonly number[], { centers, weights }: Means): Means {
  const discount = unit === 'batches' ? decay : decay ** points.length;
  const nearest = (point: number) =>
    centers.reduce(
      (best, center, index) => (Math.abs(center - point) < Math.abs(centers[best]! - point) ? index : best),
      0,
    );
  const next = centers.map((center, index) => {
    const mine = points.filter((point) => nearest(point) === index);
    const weight = weights[index]! * discount + mine.length;
    if (mine.length === 0) return { center, weight };
    const share = mine.length / weight;
    const mean = mine.reduce((a, b) => a + b, 0) / mine.length;
    return { center: (1 - share) * center + share * mean, weight };
  });
  return { centers: next.map(({ center }) => center), weights: next.map(({ weight }) => weight) };
}

/** What a running context still has of past times. The row's times count from the first batch's. */
async function slices(row: CaseRow) {
  const intervalMillis = 20;
  const context = new StreamingContext({ batchIntervalMillis: intervalMillis });
  const stream = context.queueStream((row.input as number[][]).map((batch) => [...batch])).remember(60_000);
  const times: number[] = [];
  stream.foreachBatch(({ batchTimeMillis }) => void times.push(batchTimeMillis));
  context.start();
  for (let tries = 0; times.length < 6 && tries < 6_000; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const batchMs = row.params['batchMs'] as number;
  const timeOf = (millis: number) => times[0]! + (millis / batchMs - 1) * intervalMillis;
  const expected = (row.expected as { fromMs: number; toMs: number }[]).map((line) => ({
    ...line,
    set: stream.slice(timeOf(line.fromMs), timeOf(line.toMs)).flatMap((batch) => batch.collect()),
  }));
  await context.stop();
  return { expected };
}

function sliceBeforeStart() {
  const context = new StreamingContext({ batchIntervalMillis: 1_000 });
  return {
    expected: context
      .queueStream([[1]])
      .remember(5_000)
      .slice(0, 1_000),
  };
}
