import path from 'node:path';
import { withoutComments } from './blank.ts';
import { type Finding, type SourceFile, lineAt } from './source.ts';

/** One import statement, re-export or `import()`, type-only ones included. */
export interface Import {
  readonly from: string;
  readonly line: number;
  /** As written: `./state.ts`, `node:fs`, `valibot`. */
  readonly specifier: string;
  /** The file it names, from the root of the repository, for a relative specifier. */
  readonly target: string | undefined;
  /** Whether it loads the file or package together with this file: neither `import type` nor `import()`. */
  readonly eager: boolean;
}

const importPattern =
  /(?:^|[;\n}])\s*(?:import|export)\s(?:[^;'"`]*?\sfrom\s*)?(['"])(?<static>[^'"\n]+)\1|\bimport\s*\(\s*(['"])(?<dynamic>[^'"\n]+)\3|\bnew URL\(\s*(['"])(?<url>\.[^'"\n]+\.[jt]s)\5/g;

/** The imports of a file. `new URL('./x.ts', import.meta.url)`, by which a thread names its file, counts as one. */
export function importsOf(file: SourceFile): Import[] {
  const text = withoutComments(file.text);
  return [...text.matchAll(importPattern)].map((match) => {
    const specifier = match.groups?.['static'] ?? match.groups?.['dynamic'] ?? match.groups?.['url'] ?? '';
    const target = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(file.path), specifier) : undefined;
    const eager = match.groups?.['static'] !== undefined && !/^[;}\s]*(?:import|export)\s+type\s/.test(match[0]);
    return { from: file.path, line: lineAt(text, match.index + match[0].indexOf(specifier)), specifier, target, eager };
  });
}

/**
 * The import table of the design: for each folder of `lib/`, the folders that it may import beside itself. An entry
 * `kinesis/shard.ts` allows that file only.
 */
export const importTable: Readonly<Record<string, readonly string[]>> = {
  base: [],
  event: ['base'],
  block: ['base'],
  kinesis: ['base', 'event', 'block'],
  lease: ['base', 'event', 'kinesis/shard.ts', 'kinesis/start-position.ts'],
  receiver: ['base', 'event', 'block', 'kinesis', 'lease'],
  engine: ['base', 'event', 'block'],
  monitor: ['base', 'event'],
  web: ['base', 'monitor'],
  app: ['base', 'event', 'block', 'kinesis', 'lease', 'receiver', 'engine', 'monitor', 'web'],
  // The command that starts a local stack is the one that needs the testkit; it loads it when it is run.
  cli: ['base', 'app', 'monitor', 'testkit/dev.ts'],
  testkit: ['base', 'event', 'block', 'kinesis', 'lease', 'receiver', 'engine', 'monitor', 'app'],
  index: ['base', 'event', 'block', 'kinesis', 'lease', 'receiver', 'engine', 'monitor', 'app'],
};

/** The folder of `lib/` that a file belongs to; the package's entry point is a layer of its own, `index`. */
function layerOf(file: string): string {
  return file === 'lib/index.ts' ? 'index' : (file.split('/')[1] ?? '');
}

/** Imports that the table does not allow. */
export function layerFindings(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const layer = layerOf(file.path);
    const allowed = importTable[layer];
    if (allowed === undefined) return [unknownLayer(file.path, layer)];
    return importsOf(file)
      .filter((one) => one.target !== undefined && !mayImport(layer, allowed, one.target))
      .map((one) => ({
        file: file.path,
        line: one.line,
        rule: `lib/${layer} may not import ${one.specifier}`,
        remedy: `lib/${layer} may import ${allowed.join(', ') || 'nothing of ours'}; move the shared part to an earlier layer`,
      }));
  });
}

function mayImport(layer: string, allowed: readonly string[], target: string): boolean {
  if (!target.startsWith('lib/')) return false;
  const inside = target.slice('lib/'.length);
  return layerOf(target) === layer || allowed.some((one) => inside === one || inside.startsWith(`${one}/`));
}

function unknownLayer(file: string, layer: string): Finding {
  return {
    file,
    line: 0,
    rule: `lib/${layer} is not in the import table`,
    remedy: 'put the file into a folder of the table, or add the folder to the table on purpose',
  };
}

/** Relative imports of files that do not exist, or whose specifier does not end in `.ts`. */
export function missingTargetFindings(files: readonly SourceFile[]): Finding[] {
  const known = new Set(files.map((file) => file.path));
  return files.flatMap(importsOf).flatMap((one) => {
    // Styles of the page: the build looks for them.
    if (one.target === undefined || known.has(one.target) || one.target.endsWith('.css')) return [];
    const remedy = 'name the file with its .ts ending, as Node and TypeScript resolve it';
    return [{ file: one.from, line: one.line, rule: `no such file: ${one.specifier}`, remedy }];
  });
}

/** The cycles between files: for each, one finding that shows the way around. */
export function cycleFindings(files: readonly SourceFile[]): Finding[] {
  const edges = new Map(files.map((file) => [file.path, importsOf(file)]));
  const findings: Finding[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (file: string): void => {
    trail.push(file);
    for (const edge of edges.get(file) ?? []) {
      if (edge.target === undefined || done.has(edge.target)) continue;
      const start = trail.indexOf(edge.target);
      if (start === -1) visit(edge.target);
      else findings.push(cycleFinding(edge, [...trail.slice(start), edge.target]));
    }
    trail.pop();
    done.add(file);
  };
  for (const file of edges.keys()) if (!done.has(file)) visit(file);
  return findings;
}

function cycleFinding(edge: Import, around: readonly string[]): Finding {
  return {
    file: edge.from,
    line: edge.line,
    rule: `imports go in a circle: ${around.join(' -> ')}`,
    remedy: 'move what both need into a file of its own that imports neither',
  };
}
