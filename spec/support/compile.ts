import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compiledVariable, compiler, withoutTypes } from './programs.ts';

let folder: string | undefined;

/**
 * Compiles the repository once, without a look at its types, for suites that start many processes. The folder is inside the
 * repository, so that its programs find their packages, and goes away with the suite.
 */
export function setup(): void {
  const cache = resolve('node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'millrace-compiled-'));
  // Ctrl-C leaves no time for a teardown.
  process.once('exit', teardown);
  const where = ['--project', 'tsconfig.json', '--rootDir', '.', '--outDir', folder];
  execFileSync(process.execPath, [compiler, ...where, '--noEmit', 'false', ...withoutTypes], { stdio: 'inherit' });
  // What the library reads beside its own files: its version, and the page where it was built.
  copyFileSync('package.json', join(folder, 'package.json'));
  symlinkSync(resolve('dist'), join(folder, 'dist'));
  process.env[compiledVariable] = folder;
}

/** The same for a command that starts many processes; whoever is compiled itself has them compiled already. */
export function compiledForChildren(): Disposable {
  if (!import.meta.url.endsWith('.ts') || process.env[compiledVariable] !== undefined) return { [Symbol.dispose]() {} };
  setup();
  return { [Symbol.dispose]: teardown };
}

export function teardown(): void {
  delete process.env[compiledVariable];
  process.off('exit', teardown);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
