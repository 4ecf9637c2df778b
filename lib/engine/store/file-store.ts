import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, readFile, readdir, unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type Random, systemRandom } from '../../base/random.ts';
import { checkObjectName, type CreateOutcome, type ObjectStore, storeFault } from './object-store.ts';

/** The calls of the file system that the store makes; a test gives ones that fail, lie or stop half-way. */
export interface FileCalls {
  readonly open: (path: string, flags: number, mode: number) => Promise<FileHandle>;
  readonly link: typeof link;
  readonly unlink: typeof unlink;
  readonly mkdir: (path: string, options: { readonly recursive: true; readonly mode: number }) => Promise<unknown>;
  readonly readFile: (path: string, options: { readonly signal: AbortSignal }) => Promise<Uint8Array>;
  readonly readdir: (path: string) => Promise<readonly { readonly name: string; isDirectory(): boolean }[]>;
}

const systemCalls: FileCalls = {
  open,
  link,
  unlink,
  mkdir,
  readFile,
  readdir: (path) => readdir(path, { withFileTypes: true }),
};

/** Names of files on their way; `.` begins no object's name, so that they are never taken for objects. */
const unfinishedMark = '.unfinished-';

/**
 * A store in a folder of a local or shared file system with hard links (POSIX). An object is written beside its place
 * under another name, synchronised, and linked to its name: `link` fails when the name exists, which is what makes it
 * create-only, and shows the file whole or not at all. Then the folder is synchronised, so that a power cut forgets
 * neither. Files have mode 0600, folders 0700.
 */
export class FileStore implements ObjectStore {
  readonly location: string;
  readonly isDurable = true;
  readonly #folder: string;
  readonly #calls: FileCalls;
  readonly #random: Random;
  /** Folders that were made and synchronised. */
  readonly #known = new Set<string>();

  /** @param folder a relative one is taken from the working directory; made when first written to */
  constructor(folder: string, calls: FileCalls = systemCalls, random: Random = systemRandom) {
    this.#folder = resolve(folder);
    this.location = `file:${this.#folder}`;
    this.#calls = calls;
    this.#random = random;
  }

  async create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<CreateOutcome> {
    signal.throwIfAborted();
    const path = this.#pathOf(name);
    const folder = dirname(path);
    const unfinished = join(folder, `${unfinishedMark}${this.#random.hex(16)}`);
    try {
      await this.#makeFolder(folder);
      await this.#writeWhole(unfinished, bytes, signal);
      signal.throwIfAborted();
      return await this.#linkTo(unfinished, path, folder);
    } catch (thrown) {
      signal.throwIfAborted();
      throw this.#fault(`could not write ${name}`, thrown);
    } finally {
      await this.#calls.unlink(unfinished).catch(() => {});
    }
  }

  async read(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    signal.throwIfAborted();
    try {
      return await this.#calls.readFile(this.#pathOf(name), { signal });
    } catch (thrown) {
      signal.throwIfAborted();
      if (isMissing(thrown)) return undefined;
      throw this.#fault(`could not read ${name}`, thrown);
    }
  }

  async list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    const found: string[] = [];
    // The deepest folder that the prefix names: everything else cannot match.
    const from = join(this.#folder, ...prefix.split('/').slice(0, -1));
    try {
      await this.#collect(from, found, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      throw this.#fault(`could not list ${prefix}`, thrown);
    }
    return found.filter((name) => name.startsWith(prefix));
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      await this.#calls.unlink(this.#pathOf(name));
    } catch (thrown) {
      if (!isMissing(thrown)) throw this.#fault(`could not remove ${name}`, thrown);
    }
  }

  #pathOf(name: string): string {
    return join(this.#folder, ...checkObjectName(name).split('/'));
  }

  async #collect(folder: string, into: string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    let entries: Awaited<ReturnType<FileCalls['readdir']>>;
    try {
      entries = await this.#calls.readdir(folder);
    } catch (thrown) {
      if (isMissing(thrown)) return;
      throw thrown;
    }
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await this.#collect(path, into, signal);
      else if (!entry.name.startsWith('.')) into.push(relative(this.#folder, path).split(sep).join('/'));
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#known.has(folder)) return;
    await this.#calls.mkdir(folder, { recursive: true, mode: 0o700 });
    // A folder that was made is an entry of its parent; without this a power cut may forget it with all it holds.
    for (let at = folder; at.length > this.#folder.length; at = dirname(at)) await this.#synchronise(dirname(at));
    this.#known.add(folder);
  }

  async #writeWhole(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const file = await this.#calls.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await file.writeFile(bytes, { signal });
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #linkTo(unfinished: string, path: string, folder: string): Promise<CreateOutcome> {
    let outcome: CreateOutcome = 'created';
    try {
      await this.#calls.link(unfinished, path);
    } catch (thrown) {
      if (codeOf(thrown) !== 'EEXIST') throw thrown;
      // It may be our own, from a call whose end was not seen: then its entry must be durable too before that is said.
      outcome = 'exists';
    }
    await this.#synchronise(folder);
    return outcome;
  }

  async #synchronise(folder: string): Promise<void> {
    const handle = await this.#calls.open(folder, constants.O_RDONLY, 0);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  #fault(what: string, thrown: unknown): Error {
    return storeFault(this.location, what, thrown, remedies[codeOf(thrown) ?? ''] ?? 'see that the folder can be used');
  }
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on its file system',
  EDQUOT: 'raise the quota or free space',
  EACCES: 'let this user write there',
  EPERM: 'let this user write there, on a file system that has hard links',
  EROFS: 'the file system is read-only; give another folder',
  ENOTDIR: 'a part of the path is a file; give another folder',
  EMFILE: 'allow this process more open files',
};

function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

function isMissing(thrown: unknown): boolean {
  return codeOf(thrown) === 'ENOENT';
}
