import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { consumerOptionList } from '../../lib/app/config/option-list.ts';
import { environmentName, flagName } from '../../lib/app/config/option.ts';
import { main } from '../../lib/cli/main.ts';
import { MemoryIo } from './support.ts';

async function run(argv: readonly string[], env: Record<string, string> = {}) {
  const io = new MemoryIo();
  const code = await main(argv, env, io);
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
}

const needed = ['consume', '--stream-name', 'orders', '--application-name', 'counts'];

describe('the command line', () => {
  it('says its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('helps with every flag, its default and its environment variable', async () => {
    const { code, stdout, stderr } = await run(['consume', '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const [option, spec] of Object.entries(consumerOptionList)) {
      const isFlag = 'fromText' in spec;
      expect([option, stdout.includes(`--${flagName(option)}]`)]).toEqual([option, isFlag]);
      expect([option, stdout.includes(`[${environmentName(option)}]`)]).toEqual([option, isFlag]);
      if (isFlag && spec.defaultText !== undefined) expect(stdout).toContain(`(default: ${spec.defaultText})`);
    }
    for (const flag of ['--config]', '--log-level]', '--json]']) expect(stdout).toContain(flag);
  });

  it('helps when no command is given', async () => {
    expect((await run([])).stdout).toContain('consume');
  });

  it.each([
    ['an unknown flag', [...needed, '--max-recrods', '5'], ['MR_CONFIG_UNKNOWN', '"--max-recrods"', '--max-records?']],
    ['an unknown flag with a value', [...needed, '--until-when=LATEST'], ['MR_CONFIG_UNKNOWN', '"--until-when"']],
    ['an unknown short flag', [...needed, '-q'], ['MR_CONFIG_UNKNOWN', '"-q"']],
    ['an unknown command', ['consum'], ['MR_CONFIG_UNKNOWN', '"consum"', 'did you mean consume?']],
    ['a flag before the command', ['--until', 'LATEST', 'consume'], ['MR_CONFIG_INVALID', 'give the command first']],
    ['a flag without its value', [...needed, '--max-records'], ['MR_CONFIG_INVALID', '--max-records has no value']],
    ['a flag given twice', [...needed, '--stream-name', 'x'], ['--stream-name is given twice, "orders" and "x"']],
    ['an argument that is no flag', [...needed, 'orders'], ['MR_CONFIG_INVALID', 'unexpected argument "orders"']],
  ])('refuses %s with 2 and one line on stderr', async (_, argv, says) => {
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stdout, lines: stderr.split('\n').length }).toEqual({ code: 2, stdout: '', lines: 2 });
    expect(stderr).toMatch(/^millrace: MR_CONFIG_/);
    for (const part of says) expect(stderr).toContain(part);
  });

  it('writes the error as one JSON line under --json', async () => {
    const { code, stderr } = await run([...needed, '--json', '--bogus', '5']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({
      code: 'MR_CONFIG_UNKNOWN',
      exitCode: 2,
      subject: { option: '--bogus' },
    });
  });
});
