import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { codeOnly } from './blank.ts';
import { type DeclarationFile, type Link, parseDeclarations, resolveSpecifier } from './declarations.ts';
import { repositoryRoot } from './source.ts';

/** A module of the exports map: what users import, and its declaration file from the root of the declarations. */
export interface EntryPoint {
  readonly name: string;
  readonly file: string;
}

/** The modules of the exports map of package.json. */
export const entryPoints: readonly EntryPoint[] = [
  { name: 'millrace', file: 'index.d.ts' },
  { name: 'millrace/testkit', file: 'testkit/index.d.ts' },
];

/** Gives the text of a declaration file, by its path from the root of the declarations. */
export type ReadDeclarations = (file: string) => string;

/** A declaration of ours: the file it stands in and its name there. */
interface Place {
  readonly file: string;
  readonly name: string;
}

/**
 * The public surface as text: for each entry point its exported names in order, each with its declaration without
 * comments; then the declarations that these use without exporting them, since a change there changes the surface too.
 */
export function apiText(entries: readonly EntryPoint[], read: ReadDeclarations): string {
  const api = new Api(read);
  const lines = ['The public surface of Millrace, written by `npm run api`. A change is deliberate: a test compares.'];
  const shown = new Set<string>();
  for (const entry of entries) {
    lines.push('', `## ${entry.name}`);
    for (const { name, link } of api.exportsOf(entry.file)) {
      const place = api.follow(link);
      const isValue = !link.isTypeOnly && api.isValue(place);
      lines.push('', `# ${name}: ${isValue ? 'value' : 'type'}`, api.textOf(place));
      shown.add(keyOf(place));
    }
  }
  lines.push('', '## used by the above');
  for (const place of api.reached(shown)) lines.push('', `# ${place.name}`, api.textOf(place));
  return `${lines.join('\n')}\n`;
}

/** The names that the text lists as exports of an entry point, values or types. */
export function listedNames(text: string, entry: string, kind: 'value' | 'type'): string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${entry}\n`)) ?? '';
  return [...section.matchAll(/^# ([\w$]+): (\w+)$/gm)]
    .filter((match) => match[2] === kind)
    .map((match) => match[1] ?? '');
}

/** The declarations of `lib/`, made by the compiler in a temporary folder. */
export function generateApiText(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-api-'));
  const compiler = path.join(repositoryRoot, 'node_modules/typescript/bin/tsc');
  const flags = ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', folder];
  try {
    const run = spawnSync(process.execPath, [compiler, ...flags], { cwd: repositoryRoot, encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`tsc ${flags.join(' ')} failed:\n${run.stdout}${run.stderr}`);
    return apiText(entryPoints, (file) => readFileSync(path.join(folder, file), 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Declaration files, read once, and the ways between them. */
class Api {
  readonly #read: ReadDeclarations;
  readonly #files = new Map<string, DeclarationFile>();

  constructor(read: ReadDeclarations) {
    this.#read = read;
  }

  /** The exported names of a module in order, each with where it leads. */
  exportsOf(file: string): { name: string; link: Link }[] {
    const module = this.#file(file);
    const own = [...module.exported].map((name) => ({ name, original: name, from: file, isTypeOnly: false }));
    const links = [...own, ...module.exports].flatMap((link) =>
      link.name === '*' ? this.exportsOf(link.from).map((inner) => inner.link) : [link],
    );
    return links.map((link) => ({ name: link.name, link })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The place where the thing at the end of a link is declared; a place in a package has no declaration of ours. */
  follow(link: Link): Place {
    if (!isOurs(link.from) || link.original === '*') return { file: link.from, name: link.original };
    const module = this.#file(link.from);
    if (module.declared.has(link.original)) return { file: link.from, name: link.original };
    const next = [...module.exports, ...module.imports].find((other) => other.name === link.original);
    if (next !== undefined) return this.follow(next);
    for (const star of module.exports.filter((other) => other.name === '*')) {
      const found = this.exportsOf(star.from).find((inner) => inner.name === link.original);
      if (found !== undefined) return this.follow(found.link);
    }
    throw new Error(`${link.from} does not have ${link.original}`);
  }

  /** Whether something exists at run time. */
  isValue(place: Place): boolean {
    return this.textOf(place)
      .split('\n')
      .some((line) => /^(?:declare|abstract) /.test(line) && !line.startsWith('declare type '));
  }

  textOf({ file, name }: Place): string {
    if (!isOurs(file)) return `from ${file}`;
    return this.#file(file).declared.get(name)?.join('\n') ?? '';
  }

  /** The declarations that the shown ones use, directly or not, without being shown; in order of name and file. */
  reached(shown: ReadonlySet<string>): Place[] {
    const seen = new Set(shown);
    const found: Place[] = [];
    const pending = [...shown].map(placeOf);
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      for (const next of this.#uses(place)) {
        if (seen.has(keyOf(next))) continue;
        seen.add(keyOf(next));
        found.push(next);
        pending.push(next);
      }
    }
    return found.sort((a, b) => (`${a.name} ${a.file}` < `${b.name} ${b.file}` ? -1 : 1));
  }

  #uses(place: Place): Place[] {
    if (!isOurs(place.file)) return [];
    const module = this.#file(place.file);
    const text = this.textOf(place);
    const words = new Set(codeOnly(text).match(/[\w$]+/g));
    const local = [...module.declared.keys()].filter((name) => words.has(name) && name !== place.name);
    const links = module.imports.filter((link) => words.has(link.name));
    const inline = [...text.matchAll(/import\("([^"]+)"\)\.([\w$]+)/g)].map((match) => ({
      name: match[2] ?? '',
      original: match[2] ?? '',
      from: resolveSpecifier(place.file, match[1] ?? ''),
      isTypeOnly: true,
    }));
    const places = [...links, ...inline].map((link) => this.follow(link)).filter((next) => isOurs(next.file));
    return [...local.map((name) => ({ file: place.file, name })), ...places];
  }

  #file(file: string): DeclarationFile {
    const known = this.#files.get(file) ?? parseDeclarations(file, this.#read(file));
    this.#files.set(file, known);
    return known;
  }
}

function isOurs(file: string): boolean {
  return file.endsWith('.d.ts');
}

function keyOf({ file, name }: Place): string {
  return `${name} ${file}`;
}

function placeOf(key: string): Place {
  const [name = '', file = ''] = key.split(' ');
  return { file, name };
}
