import { describe, expect, it } from 'vitest';
import { docCommentFindings, fileSizeFindings, markFindings, maxFileLines, mockFindings } from './shape.ts';
import { describeFindings, readDocuments, readTree } from './source.ts';

const lib = readTree(['lib']);
const spec = readTree(['spec']);

describe('the files of lib', () => {
  it('have a doc comment directly above every export', () => {
    expect(describeFindings(docCommentFindings(lib))).toEqual([]);
  });

  it('are short', () => {
    expect(describeFindings(fileSizeFindings(lib))).toEqual([]);
  });
});

describe('the repository', () => {
  it('has no marks of unfinished work', () => {
    expect(describeFindings(markFindings([...lib, ...spec, ...readDocuments()]))).toEqual([]);
  });

  it('mocks none of its own modules', () => {
    expect(describeFindings(mockFindings(spec))).toEqual([]);
  });
});

describe('docCommentFindings', () => {
  const lines = (text: string) => docCommentFindings([{ path: 'lib/a.ts', text }]).map((finding) => finding.line);

  it('finds exports without a comment, with a plain comment, with an empty one, or with a gap', () => {
    const text = [
      'export const a = 1;',
      '// plain',
      'export function b(): void {}',
      '/** */',
      'export interface C {}',
      '/** far */',
      '',
      'export abstract class D {}',
      '/* plain */',
      'export type E = 1;',
    ].join('\n');
    expect(lines(text)).toEqual([1, 3, 5, 8, 10]);
  });

  it('is content with a doc comment, one comment for all overloads, and re-exports', () => {
    const text = [
      '/** Says a. */',
      'export const a = 1;',
      '/**',
      ' * Says b.',
      ' */',
      '// oxlint-disable-next-line max-params -- as the service has it',
      'export function b(x: 1): void;',
      'export function b(x: 2): void;',
      'export async function b(): Promise<void> {}',
      "export { c } from './c.ts';",
    ].join('\n');
    expect(lines(text)).toEqual([]);
  });
});

describe('fileSizeFindings', () => {
  it('finds a file over the limit, and a median over the habit', () => {
    const file = (path: string, lines: number) => ({ path, text: 'x;\n'.repeat(lines) });
    expect(fileSizeFindings([file('a', 1), file('b', maxFileLines), file('c', 1)])).toEqual([]);
    expect(fileSizeFindings([file('a', 1), file('b', 1), file('c', maxFileLines + 1)]).map((f) => f.file)).toEqual([
      'c',
    ]);
    expect(fileSizeFindings([file('a', 1), file('b', 121), file('c', 121)]).map((f) => f.file)).toEqual(['lib']);
  });
});

describe('markFindings', () => {
  it('finds the marks as whole words', () => {
    const text = 'a\n// TODO: later\nmastodon, XXXL, XXX';
    expect(markFindings([{ path: 'a.ts', text }]).map((finding) => finding.line)).toEqual([2, 3]);
  });
});

describe('mockFindings', () => {
  it('finds a module mock', () => {
    const text = "vi.mock('../lib/a.ts');\nconst spy = vi.fn();";
    expect(mockFindings([{ path: 'spec/a.spec.ts', text }]).map((finding) => finding.line)).toEqual([1]);
  });
});
