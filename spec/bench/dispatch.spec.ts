import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { benchCommand } from '../../bench/command.ts';
import { type BenchTable, runBench } from '../../bench/dispatch.ts';
import { benches } from '../../bench/table.ts';

const loaded: string[] = [];

const toy = benchCommand({
  summary: 'Counts what it is given.',
  options: {
    count: { kind: 'number', fallback: 3, least: 1, most: 9, help: 'how many' },
    codec: { kind: 'choice', fallback: 'json', words: ['json', 'cbor'], help: 'which codec' },
    peers: { kind: 'switch', help: 'measure the peers too' },
  },
  run: async ({ count, codec, peers }, say) => {
    if (count === 9) throw new Error('nine is too much');
    say(`counting to ${count}`);
    return { count, codec, peers };
  },
});

const table: BenchTable = {
  count: {
    summary: 'counts',
    load: async () => {
      loaded.push('count');
      return toy;
    },
  },
  broken: {
    summary: 'needs a package that is not there',
    load: async () => {
      throw new Error('Cannot find package');
    },
  },
};

/** Runs a command line on the table of this test. */
async function run(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const code = await runBench(args, table, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  return { code, stdout, stderr };
}

describe('npm run bench', () => {
  it('runs a benchmark by name with its defaults, and shows what it says', async () => {
    expect(await run('count')).toEqual({ code: 0, stdout: 'counting to 3\n', stderr: '' });
  });

  it('prints the figures as one line of JSON, alone on standard output, when asked', async () => {
    const { code, stdout, stderr } = await run('count', '--json', '--codec', 'cbor', '--count=5', '--peers');
    expect(code).toBe(0);
    expect(stdout).toBe('{"count":5,"codec":"cbor","peers":true}\n');
    expect(stderr).toBe('counting to 5\n');
  });

  it('lets a later option win', async () => {
    expect((await run('count', '--count', '2', '--count', '4')).stdout).toBe('counting to 4\n');
  });

  it.each(['--help', '-h'])('lists the benchmarks with %s, and loads none', async (flag) => {
    loaded.length = 0;
    const { code, stdout } = await run(flag);
    expect(code).toBe(0);
    expect(stdout).toContain('count        counts\n');
    expect(stdout).toContain('broken       needs a package that is not there\n');
    expect(loaded).toEqual([]);
  });

  it.each(['--help', '-h'])('tells the options of a benchmark with %s, and does not run it', async (flag) => {
    const { code, stdout } = await run('count', flag);
    expect(code).toBe(0);
    expect(stdout).toContain('Counts what it is given.');
    expect(stdout).toMatch(/--count N +how many \(default 3\)/);
    expect(stdout).toMatch(/--codec WORD +which codec: json, cbor \(default json\)/);
    expect(stdout).toMatch(/--peers +measure the peers too\n/);
    expect(stdout).toMatch(/--json +print the figures/);
    expect(stdout).not.toContain('counting');
  });

  it.each([
    { args: [], says: 'name a benchmark: count, broken; --help tells more' },
    { args: ['cuont'], says: 'no benchmark "cuont"; did you mean count?; there is count, broken' },
    { args: ['zzzzzzzz'], says: 'no benchmark "zzzzzzzz"; there is count, broken' },
    { args: ['toString'], says: 'no benchmark "toString"; there is count, broken' },
    { args: ['\u001b[2J'], says: 'no benchmark "\\x1b[2J"; there is count, broken' },
    { args: ['count', '--cuont', '4'], says: 'unknown option "--cuont"; did you mean --count?' },
    { args: ['count', '--constructor'], says: 'unknown option "--constructor"' },
    { args: ['count', '4'], says: 'unknown argument "4": there are only options' },
    { args: ['count', '--count', '0'], says: '--count "0": give a whole number from 1 to 9' },
    { args: ['count', '--count', '1.5'], says: '--count "1.5": give a whole number from 1 to 9' },
    { args: ['count', '--count'], says: '--count "": give a whole number from 1 to 9' },
    { args: ['count', '--codec', 'xml'], says: '--codec "xml": give one of json, cbor' },
    { args: ['count', '--json=1'], says: '--json takes no value, it was given "1"' },
  ])('refuses $args with 2 and the remedy', async ({ args, says }) => {
    expect(await run(...args)).toEqual({ code: 2, stdout: '', stderr: `bench: ${says}\n` });
  });

  it('ends with 1 when a benchmark fails or cannot be loaded', async () => {
    expect(await run('count', '--count', '9', '--json')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'bench: nine is too much\n',
    });
    expect(await run('broken')).toEqual({ code: 1, stdout: '', stderr: 'bench: Cannot find package\n' });
  });

  it.each(Object.keys(benches))('has a benchmark %s that loads and tells its options', async (name) => {
    const lines: string[] = [];
    const output = { stdout: (text: string) => lines.push(text), stderr: (text: string) => lines.push(text) };
    expect(await runBench([name, '--help'], benches, output)).toBe(0);
    expect(lines.join('')).toContain(`npm run bench -- ${name} [options]`);
  });

  it('is what the command line runs: its last line is the figures of assignment', { timeout: 60_000 }, async () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const size = ['--leases', '50', '--workers', '5', '--rounds', '1'];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', 'bench/run.ts', 'assignment', ...size, '--json'],
      { cwd: root },
    );
    const last = stdout.trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ leases: 50, workers: 5, medianMillis: expect.any(Number) });
  });
});
