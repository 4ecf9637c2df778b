/**
 * How long the default strategy of assignment takes for a large fleet: `npm run bench -- assignment [--json]`, or
 * `tsx bench/assignment.ts [--leases n] [--workers n] [--rounds n] [--json]`. The budget is 100 ms for 10,000 leases and
 * 500 workers. The checksum shows that nobody made it fast by changing what it does.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../lib/base/clock.ts';
import { seededRandom } from '../lib/base/random.ts';
import { planByUtilization } from '../lib/lease/plan/utilization-plan.ts';
import type { Move } from '../lib/lease/plan/utilization-types.ts';
import { makeFleet, situations } from './assignment-fleet.ts';

/** The size of a measurement. */
export interface AssignmentBenchOptions {
  readonly leases: number;
  readonly workers: number;
  /** Plans that are measured for each situation, after a third as many to warm up. */
  readonly rounds: number;
}

/** The size of the budget. */
export const defaultBenchOptions: AssignmentBenchOptions = { leases: 10_000, workers: 500, rounds: 15 };

/** What was measured; times are milliseconds of wall time for one plan. */
export interface AssignmentBenchResult {
  readonly leases: number;
  readonly workers: number;
  /** The median of the slowest situation. */
  readonly medianMillis: number;
  readonly situations: Readonly<Record<string, { readonly medianMillis: number; readonly moves: number }>>;
  /** Of all moves. */
  readonly checksum: string;
}

/** Measures one plan of each situation, many times. */
export function benchAssignment(options: AssignmentBenchOptions): AssignmentBenchResult {
  const hash = createHash('sha256');
  const measured = situations.map((situation) => {
    const times: number[] = [];
    let moves: readonly Move[] = [];
    for (let round = -Math.ceil(options.rounds / 3); round < options.rounds; round += 1) {
      const fleet = makeFleet(situation, options.leases, options.workers, seededRandom(1));
      const startMillis = systemClock.monotonicMillis();
      moves = planByUtilization(fleet);
      if (round >= 0) times.push(systemClock.monotonicMillis() - startMillis);
    }
    hash.update(JSON.stringify(moves));
    return [situation, { medianMillis: medianOf(times), moves: moves.length }] as const;
  });
  return {
    leases: options.leases,
    workers: options.workers,
    medianMillis: Math.max(...measured.map(([, { medianMillis }]) => medianMillis)),
    situations: Object.fromEntries(measured),
    checksum: hash.digest('hex').slice(0, 16),
  };
}

/** Runs the bench by its command line; gives the text to print. */
export function runAssignmentBench(args: readonly string[]): string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      leases: { type: 'string', default: String(defaultBenchOptions.leases) },
      workers: { type: 'string', default: String(defaultBenchOptions.workers) },
      rounds: { type: 'string', default: String(defaultBenchOptions.rounds) },
      json: { type: 'boolean', default: false },
    },
  });
  const sizeOf = (name: 'leases' | 'workers' | 'rounds'): number => {
    const size = Number(values[name]);
    if (!Number.isSafeInteger(size) || size < 1)
      throw new Error(`--${name} ${values[name]}: give a whole number from 1`);
    return size;
  };
  const result = benchAssignment({ leases: sizeOf('leases'), workers: sizeOf('workers'), rounds: sizeOf('rounds') });
  if (values.json) return `${JSON.stringify(result)}\n`;
  const lines = Object.entries(result.situations).map(
    ([situation, { medianMillis, moves }]) => `${situation.padEnd(8)} ${medianMillis.toFixed(1)} ms, ${moves} moves`,
  );
  return `${result.leases} leases, ${result.workers} workers\n${lines.join('\n')}\nchecksum ${result.checksum}\n`;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? 0) * 1000) / 1000;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(runAssignmentBench(process.argv.slice(2)));
