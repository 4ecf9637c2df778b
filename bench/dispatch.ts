import { parseArgs } from 'node:util';
import { messageOf } from '../lib/base/error.ts';
import { jsonLine } from '../lib/base/json-line.ts';
import { escapeControl, nearestName } from '../lib/base/text.ts';
import type { BenchCommand, BenchOption, BenchOptions, ValuesOf } from './command.ts';

/** A benchmark of the table: loaded only when it is run, since it may bring packages that others do without. */
export interface BenchEntry {
  readonly summary: string;
  readonly load: () => Promise<BenchCommand>;
}

/** Benchmarks by name. */
export type BenchTable = Readonly<Record<string, BenchEntry>>;

/** Where the text goes. */
export interface BenchOutput {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** A command line that cannot be carried out. */
class Refusal extends Error {}

/** Options of every benchmark. */
const common = {
  json: { kind: 'switch', help: 'print the figures as one line of JSON, alone on standard output' },
  help: { kind: 'switch', help: 'show this' },
} as const satisfies BenchOptions;

/**
 * Carries out one command line and gives the exit code: 0 done, 1 the benchmark failed, 2 the command line is wrong. With
 * `--json` the figures are the last line of standard output and all else goes to standard error.
 */
export async function runBench(args: readonly string[], table: BenchTable, output: BenchOutput): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h') {
    output.stdout(tableHelp(table));
    return 0;
  }
  try {
    const entry = entryOf(name, table);
    const command = await entry.load();
    const values = readValues(rest, { ...command.options, ...common });
    if (values['help'] === true) {
      output.stdout(commandHelp(String(name), command));
      return 0;
    }
    const isJson = values['json'] === true;
    const say = (line: string): void => (isJson ? output.stderr : output.stdout)(`${line}\n`);
    const figures = await command.run(values, say);
    if (isJson) output.stdout(`${jsonLine(figures)}\n`);
    return 0;
  } catch (thrown) {
    output.stderr(`bench: ${messageOf(thrown)}\n`);
    return thrown instanceof Refusal ? 2 : 1;
  }
}

function entryOf(name: string | undefined, table: BenchTable): BenchEntry {
  const names = Object.keys(table).join(', ');
  if (name === undefined) throw new Refusal(`name a benchmark: ${names}; --help tells more`);
  const entry = Object.hasOwn(table, name) ? table[name] : undefined;
  if (entry !== undefined) return entry;
  throw new Refusal(`no benchmark ${quote(name)}${suggestion(name, Object.keys(table), '')}; there is ${names}`);
}

/** Reads options strictly; a later one wins over an earlier one of the same name. */
function readValues(args: readonly string[], options: BenchOptions): ValuesOf<BenchOptions> {
  const { tokens } = parseArgs({
    args: [...args],
    // parseArgs refuses an unknown option without naming the nearest, so it only cuts the line into tokens here.
    strict: false,
    tokens: true,
    options: {
      ...Object.fromEntries(
        Object.entries(options).map(([name, { kind }]) => [
          name,
          { type: kind === 'switch' ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
      help: { type: 'boolean', short: 'h' },
    },
  });
  const values = new Map<string, number | string | boolean>(
    Object.entries(options).map(([name, option]) => [name, option.kind === 'switch' ? false : option.fallback]),
  );
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional')
      throw new Refusal(`unknown argument ${quote(token.value)}: there are only options`);
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined)
      throw new Refusal(`unknown option ${quote(token.rawName)}${suggestion(token.name, Object.keys(options), '--')}`);
    values.set(token.name, readValue(token.name, option, token.value));
  }
  return Object.fromEntries(values);
}

function readValue(name: string, option: BenchOption, text: string | undefined): number | string | boolean {
  switch (option.kind) {
    case 'switch':
      if (text !== undefined) throw new Refusal(`--${name} takes no value, it was given ${quote(text)}`);
      return true;
    case 'choice':
      if (text !== undefined && option.words.includes(text)) return text;
      throw new Refusal(`--${name} ${quote(text ?? '')}: give one of ${option.words.join(', ')}`);
    case 'number': {
      const value = text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (value >= option.least && value <= option.most) return value;
      throw new Refusal(`--${name} ${quote(text ?? '')}: give a whole number from ${option.least} to ${option.most}`);
    }
  }
}

function suggestion(word: string, names: readonly string[], prefix: string): string {
  const nearest = nearestName(word, names);
  return nearest === undefined ? '' : `; did you mean ${prefix}${nearest}?`;
}

/** Most characters of a word of the command line that a message repeats. */
const shownCharacters = 60;

function quote(word: string): string {
  const shown = word.length > shownCharacters ? `${word.slice(0, shownCharacters)}...` : word;
  return `"${escapeControl(shown)}"`;
}

function tableHelp(table: BenchTable): string {
  const lines = Object.entries(table).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`);
  return `npm run bench -- NAME [options]\n\n${lines.join('\n')}\n\nnpm run bench -- NAME --help tells its options.\n`;
}

function commandHelp(name: string, { summary, options }: BenchCommand): string {
  const lines = Object.entries({ ...options, ...common }).map(
    ([option, what]) => `  ${`--${option}${placeOf(what)}`.padEnd(22)} ${what.help}${defaultOf(what)}`,
  );
  return `npm run bench -- ${name} [options]\n\n${summary}\n\n${lines.join('\n')}\n`;
}

function placeOf({ kind }: BenchOption): string {
  if (kind === 'switch') return '';
  return kind === 'number' ? ' N' : ' WORD';
}

function defaultOf(option: BenchOption): string {
  if (option.kind === 'switch') return '';
  const words = option.kind === 'choice' ? `: ${option.words.join(', ')}` : '';
  return `${words} (default ${option.fallback})`;
}
