import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { testCredentials, testRegion } from './local-stack.ts';

/** The variable that names the folder of {@link compiledFolder}; see `compile.ts`, which sets it. */
export const compiledVariable = 'COMPILED_FOR_TESTS';

/** The compiler, and how it makes JavaScript without a look at types; it takes a fifth of a second. */
export const compiler = 'node_modules/typescript/bin/tsc';
export const withoutTypes = ['--noCheck', '--declaration', 'false', '--declarationMap', 'false'];
const forOneFile = [...withoutTypes, '--ignoreConfig', '--noResolve', '--module', 'nodenext', '--target', 'es2023'];

const root = resolve(import.meta.dirname, '../..');

/** What a process of Node imports to run TypeScript. */
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Where the suite that runs has compiled the repository to; not set in suites that run the sources. */
function compiledFolder(): string | undefined {
  return process.env[compiledVariable];
}

/**
 * What Node is given to run a program of the repository, named by its path from the root or by its URL: the program itself,
 * or its compiled form where there is one. To compile while it starts takes a process a second of computing, and the thread
 * of its heartbeats another one. `before`: modules of the repository that are imported first.
 */
export function programArguments(program: string | URL, before: readonly URL[] = []): string[] {
  const file = typeof program === 'string' ? resolve(root, program) : fileURLToPath(program);
  const imports = before.flatMap((module) => ['--import', pathToFileURL(runnable(fileURLToPath(module))).href]);
  const compiled = runnable(file);
  return compiled === file ? ['--import', loader, ...imports, file] : [...imports, compiled];
}

/** What Node is given to run one of the library's own programs, which knows where it is. */
export function ownArguments(): string[] {
  return import.meta.url.endsWith('.ts') ? ['--import', loader] : [];
}

/** The compiled form of a file, or the file itself where there is none. */
function runnable(file: string): string {
  const compiled = file.replace(/\.ts$/, '.js');
  // This file is compiled, and so are the others.
  if (!import.meta.url.endsWith('.ts')) return compiled;
  const folder = compiledFolder();
  return folder === undefined ? file : join(folder, relative(root, compiled));
}

/** The environment in which a program of a document finds the emulators. */
export function programEnvironment(kinesisEndpoint: string, dynamoDBEndpoint: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    AWS_REGION: testRegion,
    AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
    MILLRACE_KINESIS_ENDPOINT: kinesisEndpoint,
    MILLRACE_DYNAMODB_ENDPOINT: dynamoDBEndpoint,
  };
}

/**
 * Writes a program of a document into a folder; answers what Node is given to run it. `millrace` in it is this
 * repository's sources, or what they were compiled to.
 */
export async function writeProgram(folder: string, name: string, source: string): Promise<string[]> {
  const compiled = compiledFolder();
  const file = join(folder, `${name}.mts`);
  if (compiled === undefined) {
    writeFileSync(file, source);
    return ['--import', loader, file];
  }
  const sources = pathToFileURL(join(root, 'lib/index.ts')).href;
  const library = pathToFileURL(join(compiled, 'lib/index.js')).href;
  writeFileSync(file, source.replaceAll(sources, library));
  await promisify(execFile)(process.execPath, [compiler, ...forOneFile, '--outDir', folder, file]);
  return [join(folder, `${name}.mjs`)];
}
