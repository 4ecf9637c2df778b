import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { mustRun } from './installed.ts';

/** Writes down every module that Node's loader is asked for. */
const hooks = `
import { appendFileSync } from 'node:fs';
export async function load(url, context, nextLoad) {
  appendFileSync('loaded.txt', url + '\\n');
  return nextLoad(url, context);
}
`;

const register = `
import { register } from 'node:module';
register('./hooks.mjs', import.meta.url);
`;

/** CommonJS files required by CommonJS files do not pass the loader; they are found in the cache afterwards. */
const main = (specifier: string) => `
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
await import(${JSON.stringify(specifier)});
appendFileSync('loaded.txt', Object.keys(createRequire(import.meta.url).cache).join('\\n') + '\\n');
`;

/** The files that importing a module loads, in a folder where it is installed. */
export function loadedFiles(specifier: string, folder: string): string[] {
  writeFileSync(path.join(folder, 'main.mjs'), main(specifier));
  return filesLoadedBy(['main.mjs'], folder);
}

/** The ES modules that a program loads, which is run with these arguments of Node. */
export function filesLoadedBy(args: readonly string[], folder: string): string[] {
  writeFileSync(path.join(folder, 'hooks.mjs'), hooks);
  writeFileSync(path.join(folder, 'register.mjs'), register);
  writeFileSync(path.join(folder, 'loaded.txt'), '');
  mustRun(process.execPath, ['--import', './register.mjs', ...args], folder);
  const lines = readFileSync(path.join(folder, 'loaded.txt'), 'utf8').split('\n');
  return [...new Set(lines.filter((line) => line.includes('/node_modules/')))].sort();
}
