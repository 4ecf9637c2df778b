import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileStore } from '../../../lib/engine/store/file-store.ts';
import { seal, unseal } from '../../../lib/engine/store/sealed.ts';
import { HarmedFiles } from './failing-files.ts';

const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-harm-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const bytes = seal('state', ['{"a":1}', '{"b":2}']).bytes;

describe('a store in a folder under harm', () => {
  for (const harm of ['torn', 'full', 'crashBeforeLink'] as const) {
    it(`shows nothing of an object whose writing ended by: ${harm}`, async () => {
      const files = new HarmedFiles();
      files.harm = harm;
      await expect(new FileStore(folder, files).create('app/x', bytes, never)).rejects.toMatchObject({
        code: 'MR_STATE_UNREACHABLE',
      });
      const next = new FileStore(folder);
      expect(await next.read('app/x', never)).toBeUndefined();
      expect(await next.list('', never)).toEqual([]);
      expect(await next.create('app/x', bytes, never)).toBe('created');
    });
  }

  it('names the remedy for a full disk', async () => {
    const files = new HarmedFiles();
    files.harm = 'full';
    await expect(new FileStore(folder, files).create('app/x', bytes, never)).rejects.toThrow(/free space/);
  });

  it('shows the whole object when the writer died right after it was linked', async () => {
    const files = new HarmedFiles();
    files.harm = 'crashAfterLink';
    await expect(new FileStore(folder, files).create('app/x', bytes, never)).rejects.toThrow();
    const next = new FileStore(folder);
    expect(await next.create('app/x', new Uint8Array(1), never)).toBe('exists');
    expect(Buffer.from((await next.read('app/x', never)) ?? [])).toEqual(Buffer.from(bytes));
  });

  it('synchronises the file before its name is there, and every folder that was made', async () => {
    const files = new HarmedFiles();
    await new FileStore(folder, files).create('app/group/x', bytes, never);
    const [file, ...folders] = [
      ...files.synchronised.filter((path) => path.includes('.unfinished-')),
      ...files.synchronised.filter((path) => !path.includes('.unfinished-')),
    ];
    expect(file).toContain('.unfinished-');
    expect(folders).toContain(folder);
    expect(folders).toContain(join(folder, 'app'));
    expect(folders.at(-1)).toBe(join(folder, 'app', 'group'));
    expect(files.synchronised.indexOf(file ?? '')).toBeLessThan(
      files.synchronised.lastIndexOf(join(folder, 'app', 'group')),
    );
  });

  it('gives an object that lost its end in a power cut back as it is, and its seal tells', async () => {
    const files = new HarmedFiles();
    files.harm = 'lostSync';
    const store = new FileStore(folder, files);
    await store.create('app/x', bytes, never);
    const read = (await store.read('app/x', never)) ?? new Uint8Array();
    const expected = { location: store.location, name: 'app/x', kind: 'state' };
    expect(() => [...unseal(read, expected)]).toThrow(/MR_STATE_DAMAGED.*app\/x holds/);
  });
});
