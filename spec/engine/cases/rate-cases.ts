import { seededRandom } from '../../../lib/base/random.ts';
import { PidEstimator } from '../../../lib/engine/rate/pid-estimator.ts';
import { RateController } from '../../../lib/engine/rate/rate-controller.ts';
import type { CaseEntry, CaseRow, CaseTable } from './case-file.ts';

type Arguments = readonly [timeMs: number, items: number, processingMs: number, schedulingMs: number];

function estimatorOf({ params }: CaseRow): PidEstimator {
  const { batchIntervalMs, P, I, D, minRate } = params as Record<string, number>;
  return new PidEstimator({
    batchIntervalMillis: batchIntervalMs!,
    proportional: P!,
    integral: I!,
    derived: D!,
    minRate: minRate!,
  });
}

function compute(estimator: PidEstimator, [timeMillis, items, processing, scheduling]: Arguments) {
  return estimator.compute({
    timeMillis,
    items,
    processingDelayMillis: processing,
    schedulingDelayMillis: scheduling,
  });
}

/** A row of single calls. */
const calls: CaseEntry = {
  run: (row) => {
    const estimator = estimatorOf(row);
    const lines = row.expected as { readonly args: Arguments }[];
    return { expected: lines.map(({ args }) => ({ args, result: compute(estimator, args) })) };
  },
  given: ['args'],
};

/** Fifty calls whose arguments are formulas over their number. */
function series(items: (i: number) => number, delay: (i: number) => number = () => 0) {
  return (row: CaseRow) => {
    const estimator = estimatorOf(row);
    return Array.from({ length: 50 }, (_, i) => compute(estimator, [20 * i, items(i), 20, delay(i)]));
  };
}

/** Rows about the estimator, and where its rates go. */
export const rateCases: CaseTable = {
  S179: { run: refusals, given: ['args'] },
  S180: calls,
  S181: calls,
  S182: calls,
  S183: calls,
  S184: calls,
  S185: {
    run: (row) => {
      const [first, ...rest] = series(
        () => 1,
        () => 100,
      )(row);
      return { expected: { first, rest: new Set(rest).size === 1 ? rest[0] : rest } };
    },
  },
  S186: { run: (row) => follows(row, (i) => (i + 1) * 20, '(i+1)*1000') },
  S187: { run: (row) => follows(row, (i) => (50 - i) * 20, '(50-i)*1000') },
  S188: {
    run: (row) => {
      const random = seededRandom(188);
      const items = Array.from({ length: 50 }, () => 1_000 + Math.floor(random.next() * 1_000));
      const [first, ...rest] = series(
        (i) => items[i]!,
        () => 1 + Math.floor(random.next() * 19),
      )(row);
      const isBelow = rest.every((rate, index) => rate! >= 10 && rate! < (items[index + 1]! / 20) * 1_000);
      return { expected: { first, 'for i>=1': isBelow ? '10 <= result[i] < numElements/20*1000' : rest } };
    },
  },
  S189: calls,
  S190: calls,
  S191: {
    run: (row) => ({ expected: (row.expected as Limit[]).map(capped) }),
    given: ['maxRate', 'updateRate'],
  },
};

function refusals(row: CaseRow) {
  const lines = row.expected as { readonly args: readonly number[] }[];
  return {
    expected: lines.map(({ args }) => {
      const [batchIntervalMillis = 1, proportional = 1, integral = 1, derived = 1, minRate = 1] = args;
      try {
        return { args, made: new PidEstimator({ batchIntervalMillis, proportional, integral, derived, minRate }) };
      } catch (thrown) {
        return { args, error: String(thrown).includes('MR_CONFIG_INVALID') ? 'IllegalArgument' : String(thrown) };
      }
    }),
  };
}

function follows(row: CaseRow, items: (i: number) => number, formula: string) {
  const [first, ...rest] = series(items)(row);
  const isRight = rest.every((rate, index) => Math.abs(rate! - (items(index + 1) / 20) * 1_000) < 1e-6);
  return { expected: { first, 'result[i]': isRight ? formula : rest } };
}

interface Limit {
  readonly maxRate: number | null;
  readonly updateRate: number;
}

/** A controller that is told a pace of `updateRate` records a second. */
function capped({ maxRate, updateRate }: Limit) {
  const controller = new RateController(1_000, { minRate: 1, ...(maxRate === null ? {} : { maxRate }) });
  const batch = { group: 'application', records: updateRate, bytes: 0, schedulingDelayMillis: 0 };
  controller.completed({ ...batch, timeMillis: 1_000, processingDelayMillis: 1_000 });
  const limit = controller.completed({ ...batch, timeMillis: 2_000, processingDelayMillis: 1_000 });
  return { maxRate, updateRate, limit: limit?.recordsPerSecond };
}
