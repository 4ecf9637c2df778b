import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf } from '../../../lib/base/error.ts';
import { nearestName } from '../../../lib/base/text.ts';
import { type Casting, castingsOf, scenarios } from './scenarios/all.ts';
import { stateScenarioNames, stateScenarioSummaries } from './state/play.ts';

/** What `npm run chaos` is told. */
export interface ChaosOptions {
  readonly castings: readonly Casting[];
  /** Names of the scenarios that put committed state to the test; they are played only when they are named. */
  readonly state: readonly string[];
  /** Only every n-th point of the crash matrix: 1. */
  readonly everyNth: number;
  /** Rounds of each scenario whose durations count: 1. */
  readonly rounds: number;
  /** failoverTimeMillis of the workers: 5,000; 1,000 where state alone is put to the test. */
  readonly failoverTimeMillis: number;
  /** Whether standard output has one line of JSON alone. */
  readonly json: boolean;
  /** Whether the ledgers are kept when all is well. */
  readonly keep: boolean;
}

/** What a command line asks for. */
export type ChaosRequest =
  | { readonly tag: 'run'; readonly options: ChaosOptions }
  | { readonly tag: 'help' }
  | { readonly tag: 'refused'; readonly message: string };

const flags = {
  scenario: { type: 'string', multiple: true, default: ['all'] as string[] },
  rounds: { type: 'string', default: '1' },
  'failover-time-millis': { type: 'string' },
  'every-nth': { type: 'string', default: '1' },
  on: { type: 'string' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} satisfies ParseArgsConfig['options'];

/** Reads the command line, without the program's name. */
export function parseChaosOptions(args: readonly string[]): ChaosRequest {
  try {
    const { values } = parseArgs({ args: [...args], options: flags });
    if (values.help) return { tag: 'help' };
    const names = values.scenario.flatMap((text) => text.split(','));
    const state = names.map(known).filter((name) => stateScenarioNames.includes(name));
    const others = names.filter((name) => !state.includes(name));
    const failoverTimeMillis = values['failover-time-millis'] ?? (others.length === 0 ? '1000' : '5000');
    const options = {
      castings: castingsOf(others, kindOf(values.on)),
      state,
      everyNth: whole('every-nth', values['every-nth'], 1, 100),
      rounds: whole('rounds', values.rounds, 1, 100),
      failoverTimeMillis: whole('failover-time-millis', failoverTimeMillis, 1_000, 60_000),
      json: values.json,
      keep: values.keep,
    };
    return { tag: 'run', options };
  } catch (thrown) {
    return { tag: 'refused', message: messageOf(thrown) };
  }
}

/** What `--help` prints. */
export function chaosHelp(): string {
  const lines = scenarios.map(({ name, summary }) => `  ${name.padEnd(20)}${summary}`);
  const state = stateScenarioSummaries.map(([name, summary]) => `  ${name.padEnd(20)}${summary}`);
  return `Usage: npm run chaos -- [options]

Lets things go wrong with worker processes that read a steady load of known contents, and tells what was missing, out of
order or repeated, and how long a shard was silent.

  --scenario NAME           one scenario, or several with commas between; default all: all of them on the fakes of AWS
                            that the testkit has, and some again on kinesis-local and dynalite
  --on fakes|emulators      on these services alone
  --rounds N                rounds of each scenario, 1 to 100; default 1
  --failover-time-millis N  of the workers, 1000 to 60000; default 5000, or 1000 for committed state alone
  --every-nth N             every n-th point of the crash matrix alone; default 1
  --keep                    keeps what the workers wrote; it is kept anyway when something is wrong
  --json                    the report as one JSON object, alone on standard output
  -h, --help                this text

A round in which a process got no time for more than 500 ms does not count for its durations, only for its data; up to two
more are played instead.

Scenarios:
${lines.join('\n')}

Committed state (only when named; with DynamoDB Local, which needs java):
${state.join('\n')}

Ends with 0 when all was within bounds, 1 when not, 2 for a wrong option; 130 after Ctrl-C, 143 after SIGTERM.
`;
}

function known(name: string): string {
  const names = ['all', ...scenarios.map((scenario) => scenario.name), ...stateScenarioNames];
  if (names.includes(name)) return name;
  const nearest = nearestName(name, names);
  const remedy = nearest === undefined ? `the scenarios are ${names.join(', ')}` : `did you mean ${nearest}?`;
  throw new Error(`there is no scenario ${JSON.stringify(name)}: ${remedy}`);
}

function kindOf(on: string | undefined): Casting['on'] | undefined {
  if (on === undefined || on === 'fakes' || on === 'emulators') return on;
  throw new Error(`--on ${JSON.stringify(on)}: give fakes or emulators`);
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`--${name} ${JSON.stringify(text)}: give a whole number from ${least} to ${most}`);
}
