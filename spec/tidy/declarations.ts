import path from 'node:path';
import { codeOnly, withoutComments } from './blank.ts';

/** A name that a declaration file takes from another module, or gives on. */
export interface Link {
  /** As this module names it. */
  readonly name: string;
  /** As the other module names it; `*` for all of it. */
  readonly original: string;
  /** The file, from the root of the declarations, or the name of a package. */
  readonly from: string;
  readonly isTypeOnly: boolean;
}

/** A declaration file, taken apart. */
export interface DeclarationFile {
  readonly imports: readonly Link[];
  /** `export { a } from`, `export * from`, and `export { a }` of a name of this file (`from` is then the file itself). */
  readonly exports: readonly Link[];
  /** What it declares: name to texts, several for overloads. The word `export` is left out. */
  readonly declared: ReadonlyMap<string, readonly string[]>;
  /** The declared names that are exported where they are declared. */
  readonly exported: ReadonlySet<string>;
}

const declarationStart =
  /^(export )?(?:declare )?(?:abstract )?(?:function|class|interface|type|const|let|var|enum|namespace) +([\w$]+)/;

/** Takes a `.d.ts` text apart; `file` is its path from the root of the declarations, such as `base/error.d.ts`. */
export function parseDeclarations(file: string, text: string): DeclarationFile {
  const imports: Link[] = [];
  const exports: Link[] = [];
  const declared = new Map<string, string[]>();
  const exported = new Set<string>();
  for (const statement of statementsOf(withoutComments(text))) {
    const start = declarationStart.exec(statement);
    if (start !== null) {
      const name = start[2] ?? '';
      declared.set(name, [...(declared.get(name) ?? []), tidyText(statement)]);
      if (start[1] !== undefined) exported.add(name);
    } else if (statement.startsWith('import')) imports.push(...linksOf(file, statement));
    else if (statement.startsWith('export')) exports.push(...linksOf(file, statement));
  }
  return { imports, exports, declared, exported };
}

/** Cuts a text without comments into its top-level statements. */
export function statementsOf(text: string): string[] {
  const code = codeOnly(text);
  const statements: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < code.length; at += 1) {
    const character = code.charAt(at);
    if ('{(['.includes(character)) depth += 1;
    if ('})]'.includes(character)) depth -= 1;
    if (depth > 0 || !endsStatement(character, code.slice(start, at).trimStart())) continue;
    statements.push(text.slice(start, at + 1).trim());
    start = at + 1;
  }
  return statements.filter((statement) => statement !== '' && statement !== ';');
}

function endsStatement(character: string, before: string): boolean {
  if (character === ';') return true;
  return (
    character === '}' && /^(?:export )?(?:declare )?(?:abstract )?(?:interface|class|enum|namespace) /.test(before)
  );
}

/** Reads the names of one import or export statement that has no declaration. */
function linksOf(file: string, statement: string): Link[] {
  const specifier = /['"]([^'"]+)['"];?$/.exec(statement)?.[1];
  const from = specifier === undefined ? file : resolveSpecifier(file, specifier);
  const allTypes = /^(?:import|export) type\b/.test(statement);
  const clause = /\{([^}]*)\}/.exec(statement)?.[1];
  if (clause === undefined) {
    const star = /\*(?:\s+as\s+([\w$]+))?/.exec(statement);
    return star === null ? [] : [{ name: star[1] ?? '*', original: '*', from, isTypeOnly: allTypes }];
  }
  return clause
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [original = '', name = original] = part.replace(/^type\s+/, '').split(/\s+as\s+/);
      return { name, original, from, isTypeOnly: allTypes || part.startsWith('type ') };
    });
}

/** The declaration file that a relative specifier names; the name of a package stays as it is. */
export function resolveSpecifier(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return path.posix.join(path.posix.dirname(file), specifier).replace(/(?:\.d)?\.[jt]s$/, '.d.ts');
}

function tidyText(statement: string): string {
  return statement
    .replace(/^export /, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}
