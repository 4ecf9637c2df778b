import * as v from 'valibot';
import { describe, expect, it, vi } from 'vitest';
import { laterOptions } from '../../lib/app/config/later-options.ts';
import { type OptionSpec, flagName } from '../../lib/app/config/option.ts';
import { consumerOptionList } from '../../lib/app/config/option-list.ts';
import { type CommandLeaf, type CommandTable, commandTable, isGroup } from '../../lib/cli/command-table.ts';
import { main } from '../../lib/cli/main.ts';
import { MemoryIo } from './support.ts';

/** What the parser knows of a flag. */
interface KnownFlag {
  readonly kind: string;
  readonly optional?: boolean;
  readonly variadic?: boolean;
  readonly inferEmpty?: boolean;
  readonly hidden?: boolean;
  readonly placeholder?: string;
  readonly brief: string;
}

/** Every command with the words that name it. */
function leavesOf(table: CommandTable, path: readonly string[] = []): [readonly string[], CommandLeaf][] {
  return Object.entries(table).flatMap(([name, entry]): [readonly string[], CommandLeaf][] =>
    isGroup(entry) ? leavesOf(entry.commands, [...path, name]) : [[[...path, name], entry]],
  );
}

const commands = leavesOf(commandTable).map(([path, leaf]) => ({ name: path.join(' '), path, leaf }));

/** What a command needs before its flags are looked at. */
const needed: Readonly<Record<string, readonly string[]>> = {
  'stream-name': ['orders'],
  'application-name': ['counts'],
  to: ['2026-01-01T00:00:00Z'],
  yes: [],
};
const positional: Readonly<Record<string, readonly string[]>> = {
  drain: ['worker-1'],
  replay: ['letters.jsonl'],
  'state migrate': ['--discard-state'],
};

/** Flags that take any text: what they name is looked for later, and tested with their commands. */
const freeText = ['key', 'shard', 'template', 'state', 'to-state'];
const wrongValues: Readonly<Record<string, string>> = { 'partition-key': 'k'.repeat(257) };

const specs = new Map(
  Object.entries<OptionSpec<unknown>>(consumerOptionList).map(([option, spec]) => [flagName(option), spec]),
);
const isNumber = (name: string, { placeholder }: KnownFlag) =>
  placeholder === 'number' || /number/.test(specs.get(name)?.expects ?? '');

async function run(argv: readonly string[]) {
  const io = new MemoryIo();
  io.stdin.end();
  const code = await main(argv, {}, io);
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
}

/** Options of consumers are the same flags in every command: `consume`, which has all of them, is tried with each. */
const isTriedElsewhere = (name: string, flag: string) => name !== 'consume' && specs.has(flag) && !(flag in needed);

const flagsOf = async (leaf: CommandLeaf) =>
  Object.entries(((await leaf.load()).command.parameters as { flags?: Record<string, KnownFlag> }).flags ?? {});

describe.each(commands)('millrace $name', ({ name, path, leaf }) => {
  /** The command line without the flag that is tested. */
  const without = (flags: readonly [string, KnownFlag][], tested: string) => [
    ...path,
    ...(positional[name] ?? []).filter((word) => word !== `--${tested}`),
    ...flags.flatMap(([flag]) => (flag in needed && flag !== tested ? [`--${flag}`, ...(needed[flag] ?? [])] : [])),
  ];
  /** Runs each case and tells those that are not refused with 2, on one line, with the words. */
  const notRefused = async (cases: readonly { argv: readonly string[]; says: string }[]) => {
    const wrong: object[] = [];
    for (const { argv, says } of cases) {
      const { code, stdout, stderr } = await run(argv);
      const isOneLine = stderr.indexOf('\n') === stderr.length - 1;
      if (code !== 2 || stdout !== '' || !isOneLine || !stderr.includes(says)) wrong.push({ argv, says, code, stderr });
    }
    return wrong;
  };

  it('refuses a slip in the name of each flag, and tells the right one', async () => {
    const flags = await flagsOf(leaf);
    const visible = flags.filter(([flag, { hidden }]) => hidden !== true && !isTriedElsewhere(name, flag));
    expect(visible.length).toBeGreaterThan(0);
    const cases = visible.map(([flag]) => ({ argv: [...without(flags, flag), `--${flag}x`], says: 'did you mean --' }));
    expect(await notRefused(cases)).toEqual([]);
  });

  it('refuses each flag without its value, with one too many, and twice', async () => {
    const flags = await flagsOf(leaf);
    const cases = flags.flatMap(([flag, { kind, inferEmpty, variadic, hidden }]) => {
      const before = without(flags, flag);
      if (hidden === true || isTriedElsewhere(name, flag)) return [];
      if (kind === 'boolean') {
        return [
          { argv: [...before, `--${flag}=maybe`], says: `--${flag} is "maybe": give it without a value` },
          { argv: [...before, `--${flag}`, `--${flag}`], says: `--${flag} is given twice` },
        ];
      }
      return [
        ...(inferEmpty === true ? [] : [{ argv: [...before, `--${flag}`], says: `--${flag} has no value` }]),
        ...(variadic === true
          ? []
          : [{ argv: [...before, `--${flag}=a`, `--${flag}=b`], says: `--${flag} is given twice` }]),
      ];
    });
    expect(await notRefused(cases)).toEqual([]);
  });

  it('refuses a value of the wrong type or out of range, naming the flag and the value', async () => {
    const flags = await flagsOf(leaf);
    const cases = flags.flatMap(([flag, known]) => {
      if (known.kind === 'boolean' || freeText.includes(flag) || flag in laterByFlag) return [];
      if (isTriedElsewhere(name, flag)) return [];
      const before = without(flags, flag);
      const values = [wrongValues[flag] ?? 'no such value'];
      const outside = ['-99999999999999999999', '99999999999999999999'];
      const isAllowed = (text: string) => {
        const spec = specs.get(flag);
        return spec !== undefined && v.is(spec.schema, Number(text));
      };
      if (isNumber(flag, known)) values.push(...outside.filter((text) => !isAllowed(text)));
      return values.map((value) => ({ argv: [...before, `--${flag}=${value}`], says: value.slice(0, 60) }));
    });
    expect(await notRefused(cases)).toEqual([]);
  });

  it('helps, with every flag and how to use it', async () => {
    const { code, stdout, stderr } = await run([...path, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`millrace ${name}`);
    for (const [flag, { hidden }] of await flagsOf(leaf)) {
      expect([flag, stdout.includes(`--${flag}`)]).toEqual([flag, hidden !== true]);
    }
  });

  it('refuses an argument too many', async () => {
    const flags = await flagsOf(leaf);
    const cases = [{ argv: [...without(flags, ''), 'surplus'], says: 'unexpected argument "surplus"' }];
    expect(await notRefused(cases)).toEqual([]);
  });
});

const laterByFlag = Object.fromEntries(
  Object.entries(laterOptions).map(([option, remedy]) => [flagName(option), remedy]),
);

describe('millrace', () => {
  it('helps with every command, without loading one', async () => {
    const loads = commands.map(({ leaf }) => vi.spyOn(leaf, 'load'));
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const { path, leaf } of commands) if (path.length === 1) expect(stdout).toContain(leaf.brief);
    expect(loads.filter((load) => load.mock.calls.length > 0)).toEqual([]);
    vi.restoreAllMocks();
  });
});
