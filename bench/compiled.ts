import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Among the packages, where compiled sources find them. */
const folder = path.join(root, 'node_modules', '.cache', 'millrace-bench');

/**
 * Compiles programs of a benchmark and all that they import, as the package is compiled, and answers with where the first of
 * them is: the loader that runs TypeScript holds about 50 MB, which no program of a user has. Paths from the root of the
 * repository.
 */
export function compiled(program: string, ...others: readonly string[]): URL {
  mkdirSync(folder, { recursive: true });
  // What is compiled lies outside of the package, whose kind of modules it is to have.
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  const settings = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { noEmit: false, noCheck: true, declaration: false, declarationMap: false, sourceMap: false },
    files: [program, ...others].map((file) => path.join(root, file)),
    include: [],
  };
  const configuration = path.join(folder, 'tsconfig.json');
  const compilerOptions = { ...settings.compilerOptions, rootDir: root, outDir: folder, typeRoots: [typesFolder] };
  writeFileSync(configuration, JSON.stringify({ ...settings, compilerOptions }));
  execFileSync(process.execPath, [compiler, '-p', configuration], { stdio: ['ignore', 'inherit', 'inherit'] });
  return pathToFileURL(path.join(folder, program.replace(/\.ts$/, '.js')));
}

const typesFolder = path.join(root, 'node_modules', '@types');
const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
