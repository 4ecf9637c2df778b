import type { FileHandle } from 'node:fs/promises';
import { link, mkdir, open, readFile, readdir, unlink } from 'node:fs/promises';
import type { FileCalls } from '../../../lib/engine/store/file-store.ts';

/** What the file system does wrong at the next call of a kind. */
export type Harm = 'torn' | 'full' | 'crashBeforeLink' | 'crashAfterLink' | 'lostSync';

/** The system's calls with harm that is drawn by the test, and a note of what was synchronised. */
export class HarmedFiles implements FileCalls {
  harm: Harm | undefined;
  readonly synchronised: string[] = [];
  readonly mkdir: FileCalls['mkdir'] = mkdir;
  readonly unlink: FileCalls['unlink'] = async (path) => {
    // After a crash nobody tidies up.
    if (this.harm === undefined) await unlink(path);
  };
  readonly readFile: FileCalls['readFile'] = readFile;
  readonly readdir: FileCalls['readdir'] = (path) => readdir(path, { withFileTypes: true });

  readonly link: FileCalls['link'] = async (existing, path) => {
    if (this.harm === 'crashBeforeLink') throw new Error('killed');
    await link(existing, path);
    if (this.harm === 'crashAfterLink') throw new Error('killed');
  };

  readonly open: FileCalls['open'] = async (path, flags, mode) => {
    const handle = await open(path, flags, mode);
    const { harm, synchronised } = this;
    return {
      writeFile: async (bytes: Uint8Array) => {
        if (harm === 'full') throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        if (harm === 'torn') {
          await handle.writeFile(bytes.subarray(0, bytes.byteLength >> 1));
          throw new Error('killed');
        }
        await handle.writeFile(harm === 'lostSync' ? bytes.subarray(0, bytes.byteLength - 2) : bytes);
      },
      sync: async () => {
        await handle.sync();
        synchronised.push(path);
      },
      close: () => handle.close(),
    } as unknown as FileHandle;
  };
}
