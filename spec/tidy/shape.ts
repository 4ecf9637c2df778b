import { codeOnly } from './blank.ts';
import { type Finding, type SourceFile, findAll, lineAt } from './source.ts';

const exportPattern =
  /^export (?:declare |abstract |async )*(?:function\*?|const|let|class|interface|type|enum|namespace) +([\w$]+)/gm;

/** Exports without a doc comment directly above. Later signatures of an overloaded function share the first one's. */
export function docCommentFindings(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const lines = file.text.split('\n');
    const seen = new Set<string>();
    return [...codeOnly(file.text).matchAll(exportPattern)].flatMap((match) => {
      const name = match[1] ?? '';
      const line = lineAt(file.text, match.index);
      if (seen.has(name) || hasDocComment(lines, line - 1)) {
        seen.add(name);
        return [];
      }
      return [
        {
          file: file.path,
          line,
          rule: `the export ${name} has no doc comment`,
          remedy: 'say directly above what it is, with units, defaults and the codes of the errors it throws',
        },
      ];
    });
  });
}

/** Whether the lines above `index` (from 0) end in a doc comment that says something; a lint directive may stand between. */
function hasDocComment(lines: readonly string[], index: number): boolean {
  let above = index - 1;
  while (lines[above]?.startsWith('// oxlint-')) above -= 1;
  if (!(lines[above] ?? '').trimEnd().endsWith('*/')) return false;
  let first = above;
  while (first > 0 && !(lines[first] ?? '').trimStart().startsWith('/*')) first -= 1;
  const comment = lines.slice(first, above + 1).join('\n');
  return comment.startsWith('/**') && /\w/.test(comment);
}

/** No file of lib is longer. */
export const maxFileLines = 400;

/** Half of the files are shorter; told only when there are enough files to speak of a half. */
export const medianFileLines = 120;

/** Files over the limit, and a median over the habit. */
export function fileSizeFindings(files: readonly SourceFile[]): Finding[] {
  const sizes = files.map((file) => file.text.split('\n').length - 1).sort((a, b) => a - b);
  const median = sizes[Math.floor(sizes.length / 2)] ?? 0;
  const long = files.flatMap((file) => {
    const lines = file.text.split('\n').length - 1;
    if (lines <= maxFileLines) return [];
    const rule = `${lines} lines, over the limit of ${maxFileLines}`;
    return [{ file: file.path, line: maxFileLines + 1, rule, remedy: 'split it by job' }];
  });
  if (median <= medianFileLines) return long;
  const rule = `the median file has ${median} lines, over ${medianFileLines}`;
  return [...long, { file: 'lib', line: 0, rule, remedy: 'split the longest files by job' }];
}

const marks = /\b(?:TODO|FIXME|XXX|HACK)\b/g;

/** The files that must name the marks to look for them. */
const namesMarks = /^spec\/tidy\/shape(?:\.spec)?\.ts$/;

/** Marks of unfinished work. */
export function markFindings(files: readonly SourceFile[]): Finding[] {
  return files
    .filter((file) => !namesMarks.test(file.path))
    .flatMap((file) =>
      findAll(file, file.text, marks, (match) => ({
        rule: `the mark ${match[0]}`,
        remedy: 'finish it, or open an issue and say in the comment what holds today',
      })),
    );
}

const mocks = /(?<![\w$.])vi\s*\.\s*(?:mock|doMock|hoisted)\s*\(/g;

/** Module mocks in tests: our own code is never mocked, the outside is imitated by the testkit's fakes. */
export function mockFindings(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) =>
    findAll(file, codeOnly(file.text), mocks, (match) => ({
      rule: `${match[0]}...) replaces a module`,
      remedy: 'give the code a fake through its port',
    })),
  );
}
