import { access, link, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemRandom } from '../../base/random.ts';
import type { BatchIds } from '../commit/manifest.ts';
import { syncFolder, unfinishedSuffix } from '../whole-file.ts';

/** Where the files of one group are: `<group>-<batch id in twelve digits>.<suffix>` in the folder. */
export interface GroupFiles {
  readonly folder: string;
  readonly group: string;
  readonly suffix: string;
}

/** What a batch is told of the batches before it. */
export interface BatchPlace {
  readonly batchId: number;
  /** The batches that a rewind has taken back. */
  readonly voided: readonly BatchIds[];
}

/** The ending of the names of files that were set aside because their batches are void; they begin with a point. */
const asideSuffix = '.void';

/**
 * Of so many void batches, the last ones, an empty file takes the place also where there is no file: a holder that was paused
 * in one of them may still put it there.
 */
const maximumEmptyPlaces = 1_000;

/** The path of the file of a batch. */
export function fileOf({ folder, group, suffix }: GroupFiles, batchId: number): string {
  return path.join(folder, `${group}-${batchId.toString().padStart(12, '0')}.${suffix}`);
}

/**
 * Brings the files of a group in line with what is committed, before the first batch of a holder: what others left half way
 * is removed; the files of void batches are set aside, under names that begin with a point, and empty ones put in their
 * places; files that were set aside and whose batches count again are put back. Answers whether the batch may be written: not
 * where a file says that a later batch was put out, or a rewind was done that the holder does not know of.
 */
export async function settleFiles(files: GroupFiles, { batchId, voided }: BatchPlace): Promise<'settled' | 'late'> {
  const { folder, group } = files;
  const found = filesOf(await namesIn(folder), group);
  // Should the one who left it still live, it cannot finish it any more.
  for (const name of found.unfinished) await rm(path.join(folder, name), { force: true });
  const isVoid = (id: number) => voided.some(({ from, through }) => id >= from && id <= through);
  for (const { id, name } of found.shown) {
    if (id < batchId || isVoid(id)) continue;
    if (id > batchId || (await isEmpty(path.join(folder, name)))) return 'late';
  }
  if (voided.length > 0) await mkdir(folder, { recursive: true });
  let isChanged = false;
  for (const file of placesOfVoid(files, found.shown, voided)) isChanged = (await putEmpty(file)) || isChanged;
  for (const { id, name } of found.aside) {
    if (isVoid(id)) continue;
    await rename(path.join(folder, name), path.join(folder, name.slice(1, -asideSuffix.length)));
    isChanged = true;
  }
  if (isChanged) await syncFolder(folder);
  return 'settled';
}

/**
 * Gives a whole file its name, unless another has it: what is repeated is the same and stays; `late` where a later holder has
 * removed it, or a rewind has taken the batch back, which the one who writes does not know of. Event by event: a holder is
 * paused before this call; the state is rewound, and the next holder puts an empty file in the place; the one that was paused
 * goes on, and finds it.
 */
export async function placeBatchFile(unfinished: string, file: string): Promise<'placed' | 'late'> {
  try {
    return (await linkUnlessThere(unfinished, file)) ? await placed(unfinished) : await repeated(unfinished, file);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return 'late';
    throw thrown;
  }
}

async function placed(unfinished: string): Promise<'placed'> {
  await rm(unfinished, { force: true });
  return 'placed';
}

async function repeated(unfinished: string, file: string): Promise<'placed' | 'late'> {
  const [there, own] = await Promise.all([readFile(file), readFile(unfinished)]);
  if (there.byteLength === 0) return 'late';
  // A program that was changed may write what is repeated otherwise.
  if (!there.equals(own)) await rename(unfinished, file);
  return placed(unfinished);
}

interface Found {
  readonly id: number;
  readonly name: string;
}

function filesOf(names: readonly string[], group: string) {
  const unfinished: string[] = [];
  const [shown, aside]: [Found[], Found[]] = [[], []];
  for (const name of names) {
    const isHidden = name.startsWith('.');
    const bare = isHidden ? name.slice(1) : name;
    // Groups may begin alike: `a` and `a-b`.
    const digits = bare.startsWith(`${group}-`) ? /^(\d+)\./.exec(bare.slice(group.length + 1))?.[1] : undefined;
    if (digits === undefined) continue;
    const one = { id: Number(digits), name };
    if (!isHidden) shown.push(one);
    else if (name.endsWith(unfinishedSuffix)) unfinished.push(name);
    else if (name.endsWith(asideSuffix)) aside.push(one);
  }
  return { unfinished, shown, aside };
}

/** An empty file in the place of a void batch, whose file, where there is one, is set aside; `false` when it was there. */
async function putEmpty(file: string): Promise<boolean> {
  const folder = path.dirname(file);
  const name = path.basename(file);
  const empty = path.join(folder, `.${name}.${systemRandom.hex(8)}${unfinishedSuffix}`);
  await (await open(empty, 'wx')).close();
  try {
    if (await linkUnlessThere(empty, file)) return true;
    if (await isEmpty(file)) return false;
    // Whoever dies in between leaves both, and this is done again; a second name for what is set aside already is none.
    await linkUnlessThere(file, path.join(folder, `.${name}${asideSuffix}`));
    await rename(empty, file);
    return true;
  } finally {
    await rm(empty, { force: true });
  }
}

async function linkUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (thrown) {
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!withoutLinks.has(code)) throw thrown;
  }
  // Nothing there creates a whole file under a name unless it is taken: the look before leaves a gap of a moment.
  const isThere = await access(to).then(
    () => true,
    () => false,
  );
  if (!isThere) await rename(from, to);
  return !isThere;
}

/** What file systems without hard links say. */
const withoutLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

async function isEmpty(file: string): Promise<boolean> {
  return (await stat(file)).size === 0;
}

/** Which files are to be empty: the last one first, since it is the one that a holder of before may be writing. */
function placesOfVoid(files: GroupFiles, shown: readonly Found[], voided: readonly BatchIds[]): ReadonlySet<string> {
  const places = new Set<string>();
  for (const { from, through } of voided.toReversed()) {
    const least = Math.max(from, through - maximumEmptyPlaces + 1);
    for (let id = through; id >= least; id -= 1) places.add(fileOf(files, id));
    for (const { id, name } of shown) if (id >= from && id <= through) places.add(path.join(files.folder, name));
  }
  return places;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}
