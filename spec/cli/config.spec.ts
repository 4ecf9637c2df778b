import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consumerOptionList } from '../../lib/app/config/option-list.ts';
import { main } from '../../lib/cli/main.ts';
import { MemoryIo } from './support.ts';

let folder: string;
let file: string;
let properties: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'millrace-config-'));
  file = path.join(folder, 'millrace.json');
  writeFileSync(
    file,
    '{ "applicationName": "mailer", "maxRecords": 7, "region": "eu-west-1", "onFailure": { "then": "SKIP" } }',
  );
  properties = path.join(folder, 'sample.conf');
  writeFileSync(
    properties,
    'executableName = node app.js\nprocessingLanguage = nodejs\nstreamName = orders\napplicationName = mailer\nregionName = eu-west-1\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(argv: readonly string[], env: Record<string, string> = {}, io = new MemoryIo()) {
  const code = await main(argv, env, io);
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
}

const linesOf = (stdout: string) =>
  Object.fromEntries(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => {
        const { option, ...rest } = JSON.parse(line) as {
          option: string;
          value?: unknown;
          from: string;
          instead?: string;
        };
        return [option, rest] as const;
      }),
  );

describe('millrace config --print', () => {
  it('tells each value and where it comes from: flag, variable, file, default', async () => {
    const env = { MILLRACE_REGION: 'us-east-1', MILLRACE_IDLE_TIME_BETWEEN_READS_IN_MILLIS: '500' };
    const given = [
      '--config',
      file,
      '--stream-name',
      'orders',
      '--max-records',
      '9',
      '--initial-position',
      '2026-01-31T13:00:00+01:00',
    ];
    const { code, stdout, stderr } = await run(['config', '--print', '--json', ...given], env);
    expect([code, stderr]).toEqual([0, '']);
    const options = linesOf(stdout);
    expect(Object.keys(options)).toEqual(Object.keys(consumerOptionList));
    expect(options).toMatchObject({
      applicationName: { value: 'mailer', from: `applicationName in ${file}` },
      tableName: { value: 'mailer', from: 'default' },
      maxRecords: { value: 9, from: '--max-records' },
      region: { value: 'us-east-1', from: 'MILLRACE_REGION' },
      idleTimeBetweenReadsInMillis: { value: 500, from: 'MILLRACE_IDLE_TIME_BETWEEN_READS_IN_MILLIS' },
      initialPosition: { value: '2026-01-31T12:00:00.000Z', from: '--initial-position' },
      'onFailure.then': { value: 'SKIP', from: `onFailure.then in ${file}` },
      'onFailure.maximumRetryAttempts': { value: -1, from: 'default' },
      workerIdentifier: { instead: 'host:pid:8 hex digits', from: 'default' },
    });
  });

  it('prints a table, on request of what was given alone', async () => {
    const { stdout } = await run(['config', '--config', file, '--stream-name', 'orders', '--given']);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['option', 'value', 'from'],
      ['applicationName', 'mailer', `applicationName in ${file}`],
      ['streamName', 'orders', '--stream-name'],
      ['region', 'eu-west-1', `region in ${file}`],
      ['maxRecords', '7', `maxRecords in ${file}`],
      ['onFailure.then', 'SKIP', `onFailure.then in ${file}`],
      [''],
    ]);
  });

  it("reads a file of KCL's daemon whatever its name, and says which lines do nothing", async () => {
    const { code, stdout, stderr } = await run(['config', '--properties', properties, '--json']);
    expect(code).toBe(0);
    expect(linesOf(stdout)).toMatchObject({
      region: { value: 'eu-west-1', from: `regionName in ${properties}` },
      initialPosition: { value: 'LATEST', from: `initialPositionInStream in ${properties}` },
    });
    expect(JSON.parse(stderr)).toMatchObject({ level: 'warn', names: ['executableName', 'processingLanguage'] });
  });

  it.each([
    [() => ['--config', file], 'streamName is missing'],
    [() => ['--config', file, '--properties', properties], 'are both given: give one file'],
    [() => ['--properties', path.join(folder, 'none')], 'cannot be read'],
    [() => ['--properties', folder], 'cannot be read'],
    [() => ['--config', properties], 'is not JSON'],
  ])('refuses case %#', async (args, words) => {
    const { code, stdout, stderr } = await run(['config', ...args()]);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(words)]);
  });
});
