import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Finding } from './source.ts';

/** Budgets of the production tree (design section 12). */
export const maxPackages = 45;
export const maxTreeBytes = 25_000_000;

/** What the lock file says of one installed package. */
export interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
}

/** The part of `package-lock.json` that matters here: folder of each package to its entry, `''` being this package. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

/**
 * The folders, such as `node_modules/valibot`, that whoever installs this package gets. The lock file's own marks do not tell:
 * a development package that is also an optional peer of a dependency, as TypeScript is of valibot, is marked as neither.
 */
export function productionFolders(packages: LockedPackages): string[] {
  const found = new Set<string>();
  const follow = (folder: string): void => {
    const { dependencies, optionalDependencies } = packages[folder] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const target = resolve(packages, folder, name);
      if (target === undefined || found.has(target)) continue;
      found.add(target);
      follow(target);
    }
  };
  follow('');
  return [...found].sort();
}

/** Where a package finds another one, as Node looks for it: in its own folder, then in the folders around it. */
function resolve(packages: LockedPackages, from: string, name: string): string | undefined {
  const target = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
  if (target in packages) return target;
  if (from === '') return undefined;
  const around = from.lastIndexOf('/node_modules/');
  return resolve(packages, around === -1 ? '' : from.slice(0, around), name);
}

/** Production packages that run a script when they are installed. */
export function installScriptFindings(packages: LockedPackages): Finding[] {
  return productionFolders(packages)
    .filter((folder) => packages[folder]?.hasInstallScript === true)
    .map((folder) => finding(`${folder} runs an install script`, 'take a package that ships what it needs'));
}

/** A production tree of too many packages or bytes. */
export function weightFindings(packages: number, bytes: number): Finding[] {
  const many = finding(`${packages} packages, over the budget of ${maxPackages}`, 'do without the newest dependency');
  const heavy = finding(`${bytes} bytes, over the budget of ${maxTreeBytes}`, 'do without the heaviest dependency');
  return [...(packages > maxPackages ? [many] : []), ...(bytes > maxTreeBytes ? [heavy] : [])];
}

/** The bytes of all files of a package's folder; packages nested in it count for themselves. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) bytes += entry.name === 'node_modules' ? 0 : folderBytes(full);
    else if (entry.isFile()) bytes += statSync(full).size;
  }
  return bytes;
}

function finding(rule: string, remedy: string): Finding {
  return { file: 'package-lock.json', line: 0, rule, remedy };
}
