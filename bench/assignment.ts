import { createHash } from 'node:crypto';
import { systemClock } from '../lib/base/clock.ts';
import { seededRandom } from '../lib/base/random.ts';
import { chooseAssignmentPlan } from '../lib/lease/plan/assignment-plan.ts';
import type { LeaseAssignmentStrategy } from '../lib/lease/plan/utilization-types.ts';
import { type Situation, makeFleet, situations } from './assignment-fleet.ts';
import { benchCommand } from './command.ts';

/** What a measurement is of. */
export interface AssignmentBenchOptions {
  readonly leases: number;
  readonly workers: number;
  /** Plans that are measured for each situation, after a third as many to warm up. */
  readonly rounds: number;
  readonly strategy: LeaseAssignmentStrategy;
}

/** What was measured of one situation; times are milliseconds of wall time for one plan. */
export interface SituationFigures {
  readonly medianMillis: number;
  readonly fastestMillis: number;
  readonly slowestMillis: number;
  readonly moves: number;
}

/** What was measured. */
export interface AssignmentBenchResult {
  readonly leases: number;
  readonly workers: number;
  readonly strategy: LeaseAssignmentStrategy;
  /** The median of the slowest situation. */
  readonly medianMillis: number;
  readonly situations: Readonly<Record<Situation, SituationFigures>>;
  /** Of all moves: shows that nobody made it fast by changing what it does. */
  readonly checksum: string;
}

/** `npm run bench -- assignment`. The budget is 100 ms for 10,000 leases and 500 workers. */
export const assignmentBench = benchCommand({
  summary: 'How long a leader takes to plan who reads what; the budget is 100 ms for 10,000 leases and 500 workers.',
  options: {
    leases: { kind: 'number', fallback: 10_000, least: 1, most: 1_000_000, help: 'leases of the table' },
    workers: { kind: 'number', fallback: 500, least: 1, most: 100_000, help: 'workers that report' },
    rounds: { kind: 'number', fallback: 15, least: 1, most: 10_000, help: 'plans measured for each situation' },
    strategy: {
      kind: 'choice',
      fallback: 'WORKER_UTILIZATION_AWARE',
      words: ['WORKER_UTILIZATION_AWARE', 'LEASE_COUNT_BASED'],
      help: 'which plan',
    },
  },
  run: async (options, say) => {
    const result = benchAssignment(options);
    say(`${result.strategy}, ${result.leases} leases, ${result.workers} workers`);
    for (const situation of situations) {
      const { medianMillis, fastestMillis, slowestMillis, moves } = result.situations[situation];
      say(`${situation.padEnd(8)} ${medianMillis} ms (${fastestMillis} to ${slowestMillis}), ${moves} moves`);
    }
    say(`median of the slowest ${result.medianMillis} ms, checksum ${result.checksum}`);
    return { ...result };
  },
});

/** Measures one plan of each situation, in turn, many times. */
export function benchAssignment(options: AssignmentBenchOptions): AssignmentBenchResult {
  const { leases, workers, rounds, strategy } = options;
  const plan = chooseAssignmentPlan(strategy);
  const times = new Map<Situation, number[]>(situations.map((situation) => [situation, []]));
  const texts = new Map<Situation, string>();
  const counts = new Map<Situation, number>();
  for (let round = -Math.ceil(rounds / 3); round < rounds; round += 1) {
    for (const situation of situations) {
      const fleet = makeFleet(situation, leases, workers, seededRandom(1));
      const startMillis = systemClock.monotonicMillis();
      const moves = plan(fleet);
      const millis = systemClock.monotonicMillis() - startMillis;
      if (round >= 0) times.get(situation)?.push(millis);
      texts.set(situation, JSON.stringify(moves));
      counts.set(situation, moves.length);
    }
  }
  const figures = situations.map((situation) => {
    const sorted = (times.get(situation) ?? []).toSorted((a, b) => a - b);
    const at = (part: number): number => rounded(sorted[Math.floor(part * (sorted.length - 1))] ?? 0);
    const moves = counts.get(situation) ?? 0;
    return [situation, { medianMillis: at(0.5), fastestMillis: at(0), slowestMillis: at(1), moves }] as const;
  });
  const hash = createHash('sha256').update(situations.map((situation) => texts.get(situation)).join('\n'));
  return {
    leases,
    workers,
    strategy,
    medianMillis: Math.max(...figures.map(([, { medianMillis }]) => medianMillis)),
    situations: Object.fromEntries(figures) as Record<Situation, SituationFigures>,
    checksum: hash.digest('hex').slice(0, 16),
  };
}

function rounded(millis: number): number {
  return Math.round(millis * 1000) / 1000;
}
