import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileStore } from '../../../lib/engine/store/file-store.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import { namePartOf } from '../../../lib/engine/store/object-store.ts';
import { objectStoreSuite } from '../../../lib/testkit/conformance/object-store-suite.ts';

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-store-'));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

const never = new AbortController().signal;

describe('a store in memory', () => {
  it.each(
    objectStoreSuite({
      createPlace: async () => {
        const store = new MemoryStore();
        return { open: () => store };
      },
    }),
  )('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('tells how many bytes it keeps', async () => {
    const store = new MemoryStore();
    await store.create('a', new Uint8Array(10), never);
    await store.create('b', new Uint8Array(5), never);
    await store.remove('a', never);
    expect(store.bytes).toBe(5);
  });
});

describe('a store in a folder', () => {
  it.each(
    objectStoreSuite({
      createPlace: async () => {
        const folder = await newFolder();
        return { open: () => new FileStore(join(folder, 'deep', 'state')) };
      },
    }),
  )('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('is readable by its owner alone and leaves nothing unfinished behind', async () => {
    const folder = join(await newFolder(), 'state');
    const store = new FileStore(folder);
    await store.create('app/x', new Uint8Array(3), never);
    await store.create('app/x', new Uint8Array(4), never);
    expect((await stat(join(folder, 'app', 'x'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'app'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(folder, 'app'))).toEqual(['x']);
  });

  it('says what is wrong with a folder that cannot be written to', async () => {
    const store = new FileStore('/dev/null/state');
    await expect(store.create('a/x', new Uint8Array(1), never)).rejects.toMatchObject({
      code: 'MR_STATE_UNREACHABLE',
      reaction: 'restart',
      subject: { store: 'file:/dev/null/state' },
      message: expect.stringContaining('a part of the path is a file'),
    });
  });
});

describe('namePartOf', () => {
  it('gives every text a name of its own', () => {
    const texts = ['', '.', '..', 'a', 'A', 'a b', 'a/b', 'a%2Fb', 'stream:shardId-000', "it's", 'ä', '%', '(x)', '~'];
    const names = texts.map((text) => namePartOf(text));
    expect(new Set(names).size).toBe(texts.length);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_@%=-][A-Za-z0-9._@%=-]*$/);
  });
});
