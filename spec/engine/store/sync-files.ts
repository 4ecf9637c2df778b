import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { FileCalls } from '../../../lib/engine/store/file-store.ts';

/** Calls of a real file system that are done when they return, since a virtual clock does not wait for it; nothing is synchronised. */
export const syncFiles: FileCalls = {
  open: async (path, flags, mode) => {
    const file = openSync(path, flags, mode);
    return {
      writeFile: async (bytes: Uint8Array) => writeFileSync(file, bytes),
      sync: async () => {},
      close: async () => closeSync(file),
    } as unknown as FileHandle;
  },
  link: async (from, to) => linkSync(from, to),
  unlink: async (path) => unlinkSync(path),
  mkdir: async (path, options) => mkdirSync(path, options),
  readFile: async (path) => readFileSync(path),
  readdir: async (path) => readdirSync(path, { withFileTypes: true }),
};
