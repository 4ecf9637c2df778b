import { MillraceError } from '../base/error.ts';
import { FileStore } from './store/file-store.ts';
import { MemoryStore } from './store/memory-store.ts';
import type { ObjectStore } from './store/object-store.ts';
import { S3Store, type S3StoreOptions } from './store/s3-store.ts';

/** Where the state of a context is kept. */
export type StateStore = ObjectStore;

/**
 * Keeps state in the memory of the process: it is gone when the process ends, or when a shard goes to another worker, and
 * the next run starts from none. A program says so on purpose, because operators like `updateStateByKey` do not start
 * without a store. Batches are processed at least once.
 */
export function memoryState(): StateStore {
  return new MemoryStore();
}

/**
 * Keeps state in a folder, and commits every batch: state, positions and batch id move together, so that no record counts
 * twice in state. The folder must be reachable by every process that may take over, under any path; it is made when it is
 * not there. It needs hard links (POSIX): a local disk, NFS, EFS.
 * @throws MillraceError `MR_CONFIG_INVALID` when the folder is no text or empty
 */
export function fileState(folder: string): StateStore {
  if (typeof folder === 'string' && folder !== '') return new FileStore(folder);
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `fileState() needs the path of a folder; it was given ${typeof folder}`,
    {
      subject: { option: 'state' },
    },
  );
}

/**
 * Keeps state in a bucket of S3, and commits every batch; see {@link fileState}. Needs the optional package
 * `@aws-sdk/client-s3`.
 * @throws MillraceError `MR_CONFIG_INVALID` without a bucket
 */
export function s3State(options: S3StoreOptions): StateStore {
  if (typeof options?.bucket === 'string' && options.bucket !== '') return new S3Store(options);
  throw new MillraceError('MR_CONFIG_INVALID', 's3State() needs a bucket: s3State({ bucket: ... })', {
    subject: { option: 'state' },
  });
}

/**
 * The store of a location as it is told and written down: `file:/var/lib/counts` (or a path alone), `s3://bucket/prefix`.
 * @throws MillraceError `MR_CONFIG_INVALID` for anything else
 */
export function stateAt(location: string): StateStore {
  const s3 = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(location);
  if (s3 !== null) return s3State({ bucket: s3[1] as string, prefix: s3[2] ?? '' });
  const file = /^file:(?:\/\/)?(.+)$/.exec(location);
  if (file !== null) return fileState(file[1] as string);
  if (location !== '' && !/^[a-z0-9+.-]{2,}:/i.test(location)) return fileState(location);
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `state is ${JSON.stringify(location)}: give a folder, file:<folder> or s3://<bucket>/<prefix>`,
    { subject: { option: 'state' } },
  );
}
