import { withoutComments } from './blank.ts';
import { statementsOf } from './declarations.ts';
import { type Finding, type SourceFile, findAll, lineAt } from './source.ts';

/** The items of two lists that the other has not, as findings. */
export function compareLists(
  listed: { readonly file: string; readonly items: readonly string[] },
  documented: { readonly file: string; readonly items: readonly string[] },
): Finding[] {
  const missing = listed.items
    .filter((item) => !documented.items.includes(item))
    .map((item) => ({
      file: documented.file,
      line: 0,
      rule: `${item} is missing`,
      remedy: `describe it; ${listed.file} has it`,
    }));
  const stale = documented.items
    .filter((item) => !listed.items.includes(item))
    .map((item) => ({
      file: documented.file,
      line: 0,
      rule: `${item} is stale`,
      remedy: `remove it; ${listed.file} has it not`,
    }));
  const twice = documented.items
    .filter((item, index) => documented.items.indexOf(item) !== index)
    .map((item) => ({
      file: documented.file,
      line: 0,
      rule: `${item} is described twice`,
      remedy: 'keep one description',
    }));
  return [...missing, ...stale, ...twice];
}

/** What `docs/errors.md` says about one code. */
export interface ErrorEntry {
  readonly code: string;
  readonly line: number;
  /** The labelled lines, `- **Label**: text`, by label. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Reads the sections `## MR_...` of `docs/errors.md`. */
export function errorEntries(text: string): ErrorEntry[] {
  const headings = [...text.matchAll(/^## +(.*)$/gm)].filter((match) => /^`?MR_/.test(match[1] ?? ''));
  return headings.map((match) => {
    const next = text.indexOf('\n## ', match.index + 1);
    const section = text.slice(match.index, next === -1 ? undefined : next);
    const labels = [...section.matchAll(/^- \*\*([^*]+)\*\*: *(.+)$/gm)].map((label) => [
      label[1] ?? '',
      label[2] ?? '',
    ]);
    return {
      code: (match[1] ?? '').replaceAll('`', '').trim(),
      line: lineAt(text, match.index),
      labels: Object.fromEntries(labels) as Record<string, string>,
    };
  });
}

/** The labels that every section of `docs/errors.md` has. */
export const errorLabels = ['Meaning', 'Likely cause', 'Remedy', 'Reaction', 'Exit code'] as const;

/** What the code says of each error code, for comparison with `docs/errors.md`. */
export interface ErrorFacts {
  readonly reaction: string;
  readonly exitCode: number;
}

/** Sections of `docs/errors.md` that lack a label, or name another reaction or exit code than the code has. */
export function errorEntryFindings(
  entries: readonly ErrorEntry[],
  facts: Readonly<Record<string, ErrorFacts>>,
): Finding[] {
  return entries.flatMap((entry) => {
    const missing = errorLabels
      .filter((label) => entry.labels[label] === undefined)
      .map((label) => errorFinding(entry, `${entry.code} has no line "- **${label}**: ..."`, 'write it'));
    const fact = facts[entry.code];
    if (fact === undefined) return missing;
    return [
      ...missing,
      ...differing(entry, 'Reaction', fact.reaction, 'lib/base/error.ts'),
      ...differing(entry, 'Exit code', String(fact.exitCode), 'lib/cli/exit-code.ts'),
    ];
  });
}

/** Compares the first word of a labelled line with what the code says; a missing line is another finding. */
function differing(
  entry: ErrorEntry,
  label: (typeof errorLabels)[number],
  expected: string,
  source: string,
): Finding[] {
  const written = entry.labels[label]?.match(/\w+/)?.[0];
  if (written === undefined || written === expected) return [];
  return [errorFinding(entry, `${entry.code}: ${label} is ${expected}, not ${written}`, `write what ${source} says`)];
}

function errorFinding(entry: ErrorEntry, rule: string, remedy: string): Finding {
  return { file: 'docs/errors.md', line: entry.line, rule, remedy };
}

/**
 * The events of the union in `lib/event/event.ts`, each as `name(field, field)` with the fields in order, those of an
 * intersected interface last; the interfaces may be of `event-words.ts`, whose text follows.
 */
export function eventSignatures(text: string): string[] {
  const statements = statementsOf(withoutComments(text));
  const union = statements.find((statement) => statement.startsWith('export type MillraceEvent')) ?? '';
  return [...union.matchAll(/\|\s*\(?\s*\{([^}]*)\}(?:\s*&\s*(\w+))?/g)].map((match) => {
    const body = match[1] ?? '';
    const name = body.match(/\btype:\s*'([^']+)'/)?.[1] ?? '';
    const fields = fieldsOf(body).filter((field) => field !== 'type');
    const more = match[2] === undefined ? [] : interfaceFields(text, match[2]);
    return `${name}(${[...fields, ...more].join(', ')})`;
  });
}

function interfaceFields(text: string, name: string): string[] {
  const body = new RegExp(`interface ${name} \\{([^}]*)\\}`).exec(withoutComments(text))?.[1];
  return fieldsOf(body ?? '');
}

function fieldsOf(body: string): string[] {
  return [...body.matchAll(/readonly (\w+)(\??):/g)].map((match) => `${match[1]}${match[2]}`);
}

/** The rows of the table in `docs/events.md`, as {@link eventSignatures} writes them: | `name` | when | `field`, `field` | */
export function documentedEvents(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|[^|]*\|([^|]*)\|$/gm)].map((match) => {
    const fields = [...(match[2] ?? '').matchAll(/`([^`]+)`/g)].map((field) => field[1]);
    return `${match[1]}(${fields.join(', ')})`;
  });
}

const installs =
  /\b(?:(?:npm|pnpm|yarn|bun)\s+(?:install|i|add|ci|x|exec|dlx)|npx|bunx)\b[^\n`]*?\smillrace(?![\w./-])/g;

/** Places that tell to fetch Millrace from a registry, where it is not published. */
export function registryFindings(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) =>
    findAll(file, file.text, installs, (match) => ({
      rule: `"${match[0]}" fetches a package that is not published`,
      remedy: 'use `npm run millrace --` in a clone, or install the tarball that `npm pack` makes',
    })),
  );
}
