import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createConsumer } from '../../lib/app/consumer.ts';
import { settingsOfProgram } from '../../lib/app/assembly.ts';
import type { UiAddress, UiOptions } from '../../lib/app/config/ui-options.ts';
import { shownContext, shownSettings } from '../../lib/app/shown-settings.ts';
import { fileState } from '../../lib/engine/state-store.ts';
import { StreamingContext } from '../../lib/app/streaming-context.ts';
import { type Ui, startProgramUi, startUi } from '../../lib/app/ui.ts';
import { toldSource } from '../web/sources.ts';

const token = 'a-token-of-the-tests-0123456789';
const pages: Ui[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const page of pages.splice(0)) await page[Symbol.asyncDispose]();
});

async function start(options: UiOptions): Promise<Ui> {
  const page = await startUi(toldSource(), { port: 0, ...options });
  pages.push(page);
  return page;
}

const tokenOf = ({ url }: { readonly url: string }) => new URL(url).hash.replace('#token=', '');

describe('startUi', () => {
  it('generates a token of 32 bytes, another one each time', async () => {
    const [one, other] = [tokenOf(await start({})), tokenOf(await start({}))];
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(other).not.toBe(one);
  });

  it('takes the token of the options, else of the environment, else of a file', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'millrace-ui-'));
    const tokenFile = path.join(folder, 'token');
    writeFileSync(tokenFile, '  token-from-a-file\n');
    try {
      expect(tokenOf(await start({ tokenFile }))).toBe('token-from-a-file');
      vi.stubEnv('MILLRACE_UI_TOKEN', 'token-of-the-environment');
      expect(tokenOf(await start({ tokenFile }))).toBe('token-of-the-environment');
      expect(tokenOf(await start({ tokenFile, token }))).toBe(token);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses a token that is too weak, or none, without showing it', async () => {
    await expect(start({ tokenFile: '/nowhere/token' })).rejects.toThrow('ui.tokenFile /nowhere/token cannot be read');
    vi.stubEnv('MILLRACE_UI_TOKEN', 'short one');
    await expect(start({})).rejects.toThrow(
      'MR_CONFIG_INVALID: MILLRACE_UI_TOKEN is not of the right form: give 16 to 512 printable characters without spaces',
    );
  });

  it.each([
    [{ port: 70_000 }, 'MR_CONFIG_INVALID: ui.port is 70000: give a whole number from 0 (any free port) to 65535'],
    [{ port: '80' }, 'MR_CONFIG_INVALID: ui.port is "80"'],
    [{ host: 'http://x' }, 'MR_CONFIG_INVALID: ui.host is "http://x": give an address or a name'],
    [{ token: 'secret' }, 'MR_CONFIG_INVALID: ui.token is not of the right form: give a text of 16 to 512'],
    [
      { allowedHosts: ['x:80'] },
      'MR_CONFIG_INVALID: ui.allowedHosts is an array: give an array of at most 100 names without port',
    ],
    [{ onListening: 1 }, 'MR_CONFIG_INVALID: ui.onListening is 1: give a function'],
    [{ prot: 1 }, 'MR_CONFIG_UNKNOWN: unknown option "ui.prot": ui has port, host, token'],
    [[], 'MR_CONFIG_INVALID: ui is an array: give an object such as { port: 4040 }'],
  ])('refuses %j', async (options, message) => {
    await expect(startUi(toldSource(), options as UiOptions)).rejects.toThrow(message);
  });
});

describe('the page of a program', () => {
  const options = { applicationName: 'mailer', streamName: 'orders', region: 'eu-west-1' };

  it('is refused where a token would be generated that nobody is told', async () => {
    await expect(startProgramUi(toldSource(), { port: 0 })).rejects.toThrow(
      'ui would generate a token that nobody is told',
    );
  });

  it('fails the run where its port is taken, before anything is read', async () => {
    const { port } = await start({ token });
    const consumer = createConsumer({ ...options, ui: { port, token } });
    await expect(consumer.run(async () => {})).rejects.toMatchObject({ code: 'MR_PORT_UNAVAILABLE' });
    const context = new StreamingContext({ batchIntervalMillis: 10, ui: { port, token } });
    context.queueStream([[1]]).foreachBatch(() => {});
    await expect(context.run()).rejects.toMatchObject({ code: 'MR_PORT_UNAVAILABLE' });
  });

  it('is served while a context runs, shows it, and ends with it', async () => {
    const told: UiAddress[] = [];
    const shown: unknown[] = [];
    const context = new StreamingContext({
      batchIntervalMillis: 10,
      ui: { port: 0, token, onListening: (page) => told.push(page) },
    });
    const ask = (what: string) =>
      fetch(new URL(`/api/v1/applications/local${what}`, told[0]!.url), {
        headers: { authorization: `Bearer ${token}` },
      });
    context.queueStream([[1, 2], [3]]).foreachBatch(async () => {
      shown.push(await (await ask('/streaming/statistics')).json());
      void context.drain();
    });
    await context.run();
    expect(shown[0]).toMatchObject({
      batchDuration: 10,
      numActiveBatches: expect.any(Number) as number,
    });
    await expect(ask('/state')).rejects.toThrow('fetch failed');
  });

  it('belongs to a context as a whole, and is checked when it is made', () => {
    const context = new StreamingContext({ batchIntervalMillis: 10, applicationName: 'mailer' });
    const stream = { streamName: 'orders', ui: { token } };
    expect(() => context.kinesisStream(stream)).toThrow('ui is of the context as a whole');
    expect(() => new StreamingContext({ batchIntervalMillis: 10, ui: { port: -1 } })).toThrow('ui.port is -1');
    expect(() => createConsumer({ ...options, ui: { port: -1 } })).toThrow('ui.port is -1');
  });

  it('shows the options of a context, and where its state is', () => {
    const { title, entries } = shownContext({
      applicationName: 'counts',
      batchIntervalMillis: 2_000,
      state: fileState('/var/lib/counts'),
      ui: { token },
    });
    expect(title).toBe('StreamingContext');
    expect(entries).toEqual([
      { name: 'applicationName', value: 'counts' },
      { name: 'batchIntervalMillis', value: '2000' },
      { name: 'state', value: fileState('/var/lib/counts').location },
      { name: 'ui', value: '(given by the program)' },
    ]);
  });

  it('shows every option and no secret', () => {
    const settings = settingsOfProgram({
      ...options,
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI' },
      kinesisEndpoint: 'https://name:password@kinesis.example/',
      ui: { token },
      listener: () => {},
    });
    const [section] = shownSettings([settings]);
    const text = JSON.stringify(section);
    for (const secret of ['AKIDEXAMPLE', 'wJalrXUtnFEMI', 'password', token]) expect(text).not.toContain(secret);
    const values = Object.fromEntries(section!.entries.map(({ name, value }) => [name, value]));
    expect(values).toMatchObject({
      applicationName: 'mailer',
      credentials: '(given by the program)',
      failoverTimeMillis: '10000',
      kinesisEndpoint: 'https://***@kinesis.example/',
      'onFailure.maximumRetryAttempts': '-1',
      ui: '(given by the program)',
      streamArn: null,
    });
  });
});
