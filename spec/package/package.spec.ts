import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryPoints, listedNames } from '../tidy/api-text.ts';
import { repositoryRoot } from '../tidy/source.ts';
import { type InstalledPackage, installPackage, mustRun, run } from './installed.ts';
import { filesLoadedBy, loadedFiles } from './loaded.ts';

const manifest = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
  version: string;
  exports: Record<string, unknown>;
};
const api = readFileSync(path.join(repositoryRoot, 'docs/api.txt'), 'utf8');

let installed: InstalledPackage;

beforeAll(() => {
  installed = installPackage();
});

afterAll(() => {
  rmSync(installed.folder, { recursive: true, force: true });
});

/** Runs a program in the folder where the package is installed and reads the JSON that it prints. */
function evaluate(type: 'module' | 'commonjs', program: string): unknown {
  return JSON.parse(mustRun(process.execPath, [`--input-type=${type}`, '--eval', program], installed.folder));
}

describe('the tarball', () => {
  it('holds the compiled code, license, readme and changelog, and nothing else', () => {
    const expected =
      /^(?:package\.json|LICENSE|README\.md|CHANGELOG\.md|dist\/.+\.(?:js|js\.map|d\.ts)|dist\/web\/public\/(?:index\.html|assets\/\w+\.(?:css|svg|txt)))$/;
    expect(installed.files.filter((file) => !expected.test(file))).toEqual([]);
    expect(installed.files).toEqual(expect.arrayContaining(['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md']));
    expect(installed.files).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'dist/cli/bin.js']));
  });

  it('passes publint in strict mode', () => {
    const publint = path.join(repositoryRoot, 'node_modules/publint/src/cli.js');
    const outcome = run(process.execPath, [publint, 'run', installed.tarball, '--strict'], repositoryRoot);
    expect(outcome.status, outcome.stdout + outcome.stderr).toBe(0);
  });

  it('gives right types to every importer of ES modules', () => {
    const attw = path.join(repositoryRoot, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    const outcome = run(process.execPath, [attw, installed.tarball, '--profile', 'esm-only'], repositoryRoot);
    expect(outcome.status, outcome.stdout + outcome.stderr).toBe(0);
  });
});

describe('the page in the package', () => {
  const read = (file: string) =>
    readFileSync(path.join(installed.folder, 'node_modules/millrace/dist/web/public', file), 'utf8');

  it('has a script of less than 50 KB, compressed', () => {
    const bytes = gzipSync(read('assets/page.js'), { level: 9 }).length;
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(50_000);
  });

  it('loads nothing from elsewhere, and has no script or style in its document', () => {
    const html = read('index.html');
    expect(html).not.toMatch(/<style|style=|<script(?![^>]* src="\.\/assets\/)|\son\w+=/);
    const elsewhere = /(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}[^\s'"`)]*/gi;
    const named = ['index.html', 'assets/page.js', 'assets/index.css'].flatMap(
      (file) => read(file).match(elsewhere) ?? [],
    );
    // Names of XML, which nobody fetches.
    expect(named.filter((url) => !url.startsWith('http://www.w3.org/'))).toEqual([]);
  });

  it('is found and served by the package', () => {
    const program = `
      const { startUi } = await import('./node_modules/millrace/dist/app/ui.js');
      const page = await startUi({ snapshot() {} }, { port: 0 });
      const get = async (path) => (await fetch(new URL(path, page.url))).headers.get('content-type');
      console.log(JSON.stringify([await get('/'), await get('/assets/page.js'), await get('/assets/index.css')]));
      await page[Symbol.asyncDispose]();`;
    const types = ['text/html; charset=utf-8', 'text/javascript; charset=utf-8', 'text/css; charset=utf-8'];
    expect(evaluate('module', program)).toEqual(types);
  });

  it('comes with the licences of what it is made of', () => {
    const text = read('assets/licences.txt');
    for (const name of ['preact', 'uplot']) expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
    expect(text.match(/Permission is hereby granted/g)).toHaveLength(2);
  });
});

describe('the installed package', () => {
  it('exports the entry points that docs/api.txt describes, and its manifest', () => {
    const subpaths = entryPoints.map(({ name }) => name.replace(/^millrace/, '.'));
    expect(Object.keys(manifest.exports).sort()).toEqual([...subpaths, './package.json'].sort());
  });

  it.each(entryPoints)('gives exactly the documented names when $name is imported', ({ name }) => {
    const program = `console.log(JSON.stringify(Object.keys(await import('${name}'))))`;
    expect(evaluate('module', program)).toEqual(listedNames(api, name, 'value').sort());
  });

  it.each(entryPoints)('gives exactly the documented names when $name is required', ({ name }) => {
    const program = `console.log(JSON.stringify(Object.keys(require('${name}'))))`;
    const names = (evaluate('commonjs', program) as string[]).filter((key) => key !== '__esModule');
    expect(names.sort()).toEqual(listedNames(api, name, 'value').sort());
  });

  it('gives its manifest to import and require', () => {
    const imported = `import it from 'millrace/package.json' with { type: 'json' }; console.log(JSON.stringify(it.version))`;
    expect(evaluate('module', imported)).toBe(manifest.version);
    const required = `console.log(JSON.stringify(require('millrace/package.json').version))`;
    expect(evaluate('commonjs', required)).toBe(manifest.version);
  });

  it('hides everything else', () => {
    const program = `import('millrace/dist/index.js').catch((error) => console.log(JSON.stringify(error.code)))`;
    expect(evaluate('module', program)).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('loads neither web, CloudWatch, command line nor testkit when it is imported', () => {
    const loaded = loadedFiles('millrace', installed.folder);
    expect(loaded.filter((file) => file.includes('/millrace/dist/index.js'))).toHaveLength(1);
    const unwanted = /\/millrace\/dist\/(?:web|cli|testkit)\/|client-cloudwatch|@stricli/;
    expect(loaded.filter((file) => unwanted.test(file))).toEqual([]);
  });

  it('prints nothing when it is imported', () => {
    const program = entryPoints.map(({ name }) => `await import('${name}');`).join(' ');
    const outcome = run(process.execPath, ['--input-type=module', '--eval', program], installed.folder);
    expect(outcome).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('the installed command', () => {
  const command = () => path.join(installed.folder, 'node_modules/.bin/millrace');

  it('tells its version', () => {
    expect(mustRun(command(), ['--version'], installed.folder).trim()).toBe(manifest.version);
  });

  it('tells how to use it', () => {
    const help = mustRun(command(), ['--help'], installed.folder);
    expect(help).toContain('millrace');
    expect(help).toContain('consume');
  });
});

describe('the start of the installed command', () => {
  const bin = 'node_modules/millrace/dist/cli/bin.js';

  it('loads no command, no options and no AWS client for its help', () => {
    const loaded = filesLoadedBy([bin, '--help'], installed.folder);
    expect(loaded.filter((file) => file.includes('/dist/cli/main.js'))).toHaveLength(1);
    const unwanted =
      /\/dist\/(?:cli\/(?:commands|definitions)|testkit|web|engine|receiver|lease|kinesis)\/|\/valibot\/|@aws-sdk|@smithy/;
    expect(loaded.filter((file) => unwanted.test(file))).toEqual([]);
  });

  it("loads a command's flags for its help, and no AWS client", () => {
    const loaded = filesLoadedBy([bin, 'consume', '--help'], installed.folder);
    expect(loaded.filter((file) => file.includes('/cli/definitions/'))).toHaveLength(1);
    expect(loaded.filter((file) => /\/cli\/commands\/|@aws-sdk|@smithy/.test(file))).toEqual([]);
  });

  it('takes less than 200 ms over the start of Node itself', () => {
    const millisOf = (args: readonly string[]) => {
      const start = performance.now();
      mustRun(process.execPath, args, installed.folder);
      return performance.now() - start;
    };
    // In turn, so that whatever else the machine does befalls both alike; a machine that is busy for a while gets another try.
    const over = () => {
      const rounds = Array.from({ length: 11 }, () => millisOf([bin, '--help']) - millisOf(['--eval', '0']));
      return rounds.toSorted((a, b) => a - b)[5] ?? Infinity;
    };
    const medians: number[] = [];
    while (medians.length < 3 && !medians.some((median) => median < 200)) medians.push(over());
    expect(Math.min(...medians)).toBeLessThan(200);
    console.log(`millrace --help: ${medians.map((median) => median.toFixed(0)).join(', ')} ms over Node's own start`);
  });
});

describe('the installed types', () => {
  const program = `
import { MillraceError, isMillraceError } from 'millrace';
import type { BatchEngine, Block, KinesisRecord, Logger, MillraceEvent, Position, Range } from 'millrace';
import * as testkit from 'millrace/testkit';

const engine: BatchEngine = {
  async onBatch(batch: readonly Block[], { signal }) {
    for (const block of batch) for (const record of block.records) await send(record, signal);
  },
};
async function send(record: KinesisRecord, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const order: { id: number } = record.json<{ id: number }>();
  console.log(record.text().length, record.arrivalTime.toISOString(), order.id);
}
function explain(event: MillraceEvent, range: Range, at: Position, logger: Logger): string {
  if (event.type === 'lease.lost') logger.warn({ reason: event.reason }, event.leaseKey);
  return at.kind === 'SEQUENCE' ? String(at.sequenceNumber + BigInt(1)) : range.shardId;
}
try {
  throw new MillraceError('MR_INTERNAL', 'x');
} catch (thrown) {
  if (isMillraceError(thrown, 'MR_INTERNAL')) console.log(thrown.subject.shard, explain, engine, Object.keys(testkit));
}
// @ts-expect-error -- a code that does not exist
new MillraceError('MR_NO_SUCH_CODE', 'x');
`;

  it('check a strict user program, the declarations of the package included', () => {
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2023',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      types: ['node'],
      typeRoots: [path.join(repositoryRoot, 'node_modules/@types')],
    };
    writeFileSync(path.join(installed.folder, 'program.mts'), program);
    const config = JSON.stringify({ compilerOptions, files: ['program.mts'] });
    writeFileSync(path.join(installed.folder, 'tsconfig.json'), config);
    const compiler = path.join(repositoryRoot, 'node_modules/typescript/bin/tsc');
    const outcome = run(process.execPath, [compiler, '-p', '.'], installed.folder);
    expect(outcome.status, outcome.stdout + outcome.stderr).toBe(0);
  });
});
