import { parseArgs } from 'node:util';
import { escapeControl, nearestName } from '../../../lib/base/text.ts';

/** What the demo is told. */
export interface DemoOptions {
  /** How long records are produced, seconds. */
  readonly seconds: number;
  /** Records produced a second, all shards together. */
  readonly rate: number;
  /** Shards of the stream. */
  readonly shards: number;
  /** Worker processes. */
  readonly workers: number;
  /** Start of the producer's random numbers: the same seed gives the same records. */
  readonly seed: number;
  /** Whether a worker is killed, another joins and a shard is split on the way. */
  readonly chaos: boolean;
  /** Whether the advanced word count is shown: one process, running counts, windows. */
  readonly advanced: boolean;
  /** Whether each worker serves its page while the demo runs. */
  readonly ui: boolean;
  /** Whether the verdict is one line of JSON, alone on standard output. */
  readonly json: boolean;
}

/** What a command line asks for. */
export type DemoRequest =
  | { readonly tag: 'run'; readonly options: DemoOptions }
  | { readonly tag: 'help' }
  | { readonly tag: 'refused'; readonly message: string };

interface NumberOption {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  readonly help: string;
}

const numberOptions = {
  seconds: { fallback: 20, least: 1, most: 3_600, help: 'how long records are produced' },
  rate: { fallback: 300, least: 1, most: 5_000, help: 'records produced a second' },
  shards: { fallback: 4, least: 1, most: 64, help: 'shards of the stream' },
  workers: { fallback: 2, least: 1, most: 16, help: 'worker processes' },
  seed: { fallback: 1, least: 0, most: 4_294_967_295, help: 'the same seed gives the same records' },
} as const satisfies Record<string, NumberOption>;

type NumberName = keyof typeof numberOptions;

const switches = ['advanced', 'chaos', 'ui', 'json', 'help'];
const names = [...Object.keys(numberOptions), ...switches];

/** Most characters of a word of the command line that a message repeats. */
const shownCharacters = 60;

/** Reads the command line, without the program's name. A later option wins over an earlier one of the same name. */
export function parseDemoOptions(args: readonly string[]): DemoRequest {
  const { tokens } = parseArgs({
    args: [...args],
    // parseArgs refuses an unknown option without naming the nearest, so it only cuts the line into tokens here.
    strict: false,
    tokens: true,
    options: {
      ...Object.fromEntries(Object.keys(numberOptions).map((name) => [name, { type: 'string' as const }])),
      chaos: { type: 'boolean' },
      advanced: { type: 'boolean' },
      ui: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const numbers = new Map<string, number>();
  let chaos = false;
  let advanced = false;
  let ui = false;
  let json = false;
  let help = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') return refused(`unknown argument ${quote(token.value)}: there are only options`);
    if (switches.includes(token.name)) {
      if (token.value !== undefined)
        return refused(`--${token.name} takes no value, it was given ${quote(token.value)}`);
      if (token.name === 'help') help = true;
      else if (token.name === 'chaos') chaos = true;
      else if (token.name === 'advanced') advanced = true;
      else if (token.name === 'ui') ui = true;
      else json = true;
    } else if (isNumberName(token.name)) {
      const value = numberOf(token.value, numberOptions[token.name]);
      if (value === undefined) return refused(badNumber(token.name, token.value));
      numbers.set(token.name, value);
    } else {
      return refused(unknownOption(token.name, token.rawName));
    }
  }
  if (help) return { tag: 'help' };
  if (advanced && (chaos || numbers.has('workers'))) {
    return refused(`--${chaos ? 'chaos' : 'workers'} does not go with --advanced, which is one process`);
  }
  const valueOf = (name: NumberName) => numbers.get(name) ?? numberOptions[name].fallback;
  const options = {
    seconds: valueOf('seconds'),
    rate: valueOf('rate'),
    shards: valueOf('shards'),
    workers: valueOf('workers'),
    seed: valueOf('seed'),
    advanced,
    chaos,
    ui,
    json,
  };
  return { tag: 'run', options };
}

/** What `--help` prints. */
export function demoHelp(): string {
  const lines = Object.entries(numberOptions).map(([name, { fallback, least, most, help }]) => {
    return `  --${`${name} N`.padEnd(12)}${help}: ${least} to ${most}, default ${fallback}`;
  });
  return [
    'Usage: npm run demo -- [options]',
    '',
    'Starts emulators of Kinesis and DynamoDB on free ports of 127.0.0.1, a stream, a producer of lines of words and',
    'worker processes that count the words; shows them at work; then tells whether every record was counted once.',
    '',
    ...lines,
    `  --${'advanced'.padEnd(12)}one process instead: running counts of all words, sorted, and a windowed count`,
    `  --${'chaos'.padEnd(12)}on the way a worker is killed, another joins, and a shard is split; batches are committed, so`,
    `    ${''.padEnd(12)}that every record still counts once`,
    `  --${'ui'.padEnd(12)}every worker serves its page while it runs; the addresses are printed, with their token`,
    `  --${'json'.padEnd(12)}the verdict as one JSON object, alone on standard output`,
    `  -h, --${'help'.padEnd(8)}this text`,
    '',
    'Ends with 0 when every record was counted once, 1 when not, 2 for a wrong option; 130 after Ctrl-C, 143 after SIGTERM.',
    '',
  ].join('\n');
}

function isNumberName(name: string): name is NumberName {
  return Object.hasOwn(numberOptions, name);
}

function numberOf(text: string | undefined, { least, most }: NumberOption): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}

function badNumber(name: NumberName, given: string | undefined): string {
  const { least, most } = numberOptions[name];
  return `--${name} ${given === undefined ? 'has no value' : `is ${quote(given)}`}: give a whole number from ${least} to ${most}`;
}

function unknownOption(name: string, rawName: string): string {
  const nearest = nearestName(name, names);
  const remedy =
    nearest === undefined
      ? `the options are ${names.map((one) => `--${one}`).join(', ')}`
      : `did you mean --${nearest}?`;
  return `unknown option ${quote(rawName)}: ${remedy}`;
}

function quote(text: string): string {
  const shown = text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}...`;
  return `"${escapeControl(shown)}"`;
}

function refused(message: string): DemoRequest {
  return { tag: 'refused', message };
}
