import { parseArgs } from 'node:util';

/** What `npm run simulate` is told. */
export interface SimulateRunOptions {
  /** How many seeds: 100. */
  readonly seeds: number;
  /** This seed alone, with its trace's tail when it fails. */
  readonly seed: number | undefined;
  /** One seed of five is drawn from this text, so that each commit tries some that nobody has tried before. */
  readonly salt: string | undefined;
  /** Whether every line of the trace is printed. */
  readonly trace: boolean;
  /** Whether only the last line, JSON, is printed on standard output. */
  readonly json: boolean;
  /** Whether the mutants are tried too. */
  readonly mutants: boolean;
  /** Whether the mutants alone are tried, and no seeds without one. */
  readonly onlyMutants: boolean;
  /** This mutant alone, and no seeds without it. */
  readonly mutant: string | undefined;
  /** Whether the figures are measured instead: how long a fleet takes after each kind of incident. */
  readonly table: boolean;
  /** Whether applications with an engine are simulated, and its mutants tried. */
  readonly engine: boolean;
  /** Processes at the same time. */
  readonly jobs: number;
}

/** What a command line asks for. */
export type SimulateRequest =
  | { readonly tag: 'run'; readonly options: SimulateRunOptions }
  | { readonly tag: 'help' }
  | { readonly tag: 'refused'; readonly message: string };

/** The text of `--help`. */
export const simulateHelp = `npm run simulate -- [options]

Simulates fleets under faults drawn from seeds, on virtual time, and checks every promise after every event.

  --seeds N      how many seeds; 100
  --salt TEXT    one seed of five is drawn from it; the current commit
  --seed S       this seed alone; prints what was drawn, and the end of the trace when it fails
  --trace        prints every line of the trace (with --seed)
  --json         prints the last line only
  --no-mutants   does not try the mutants
  --only-mutants tries the mutants alone
  --mutant NAME  tries this mutant alone; with --seed, on that seed
  --engine       simulates applications with an engine, and compares every commit with what was put
  --table        measures what a fleet does after a crash, a stop, a join ... instead, and prints a table
  --jobs N       processes at the same time; one per core, at most 4

The last line is JSON: seeds failures events mutants mutantsCaught faults edges traceHash (with --engine commits, no edges).
Exit code: 0 all held and every mutant was caught, 1 not, 2 usage.
`;

/** Reads the command line, without the program's name. */
export function parseSimulateOptions(args: readonly string[], cores: number): SimulateRequest {
  try {
    const { values } = parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        seeds: { type: 'string', default: '100' },
        seed: { type: 'string' },
        salt: { type: 'string' },
        trace: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        mutants: { type: 'boolean', default: true },
        'only-mutants': { type: 'boolean', default: false },
        mutant: { type: 'string' },
        engine: { type: 'boolean', default: false },
        table: { type: 'boolean', default: false },
        jobs: { type: 'string', default: String(Math.min(4, cores)) },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return { tag: 'help' };
    const { salt, trace, json, mutants, mutant, engine, table } = values;
    const seed = values.seed === undefined ? undefined : whole('seed', values.seed, 0);
    const options = { seeds: whole('seeds', values.seeds, 1), seed, jobs: whole('jobs', values.jobs, 1) };
    const onlyMutants = values['only-mutants'];
    return { tag: 'run', options: { ...options, salt, trace, json, mutants, onlyMutants, mutant, engine, table } };
  } catch (thrown) {
    return { tag: 'refused', message: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= 4_294_967_295) return value;
  throw new Error(`--${name} ${JSON.stringify(text)} is not a whole number from ${least} to 4294967295`);
}
