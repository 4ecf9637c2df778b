import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, MillraceError, errorReactions } from '../../lib/base/error.ts';
import { exitCodeOf } from '../../lib/cli/exit-code.ts';
import {
  compareLists,
  documentedEvents,
  errorEntries,
  errorEntryFindings,
  eventSignatures,
  registryFindings,
} from './documents.ts';
import { describeFindings, readDocuments, repositoryRoot } from './source.ts';

const read = (file: string) => readFileSync(path.join(repositoryRoot, file), 'utf8');

describe('docs/errors.md', () => {
  const entries = errorEntries(read('docs/errors.md'));

  it('describes exactly the codes of lib/base/error.ts', () => {
    const listed = { file: 'lib/base/error.ts', items: Object.keys(errorReactions) };
    const documented = { file: 'docs/errors.md', items: entries.map((entry) => entry.code) };
    expect(describeFindings(compareLists(listed, documented))).toEqual([]);
  });

  it('says of each code what it means, its likely cause, remedy, reaction and exit code', () => {
    const facts = Object.entries(errorReactions).map(([code, reaction]) => {
      return [code, { reaction, exitCode: exitCodeOf(new MillraceError(code as ErrorCode, 'x')) }] as const;
    });
    expect(describeFindings(errorEntryFindings(entries, Object.fromEntries(facts)))).toEqual([]);
  });
});

describe('docs/events.md', () => {
  it('has a row with the fields of every event of lib/event/event.ts, and no other', () => {
    const [union, words] = [read('lib/event/event.ts'), read('lib/event/event-words.ts')];
    const listed = { file: 'lib/event/event.ts', items: eventSignatures(union + words) };
    expect(listed.items.length).toBeGreaterThan(20);
    const documented = { file: 'docs/events.md', items: documentedEvents(read('docs/events.md')) };
    expect(describeFindings(compareLists(listed, documented))).toEqual([]);
  });
});

describe('the documents', () => {
  it('tell nobody to fetch millrace from a registry', () => {
    const files = readDocuments();
    expect(describeFindings(registryFindings(files))).toEqual([]);
  });
});

describe('compareLists', () => {
  it('finds what is missing, stale and written twice', () => {
    const found = compareLists({ file: 'a.ts', items: ['A', 'B'] }, { file: 'a.md', items: ['B', 'C', 'B'] });
    expect(found.map((finding) => finding.rule)).toEqual(['A is missing', 'C is stale', 'B is described twice']);
  });
});

describe('errorEntryFindings', () => {
  it('finds a missing label, another reaction and another exit code', () => {
    const labels = ['Meaning', 'Likely cause', 'Remedy'].map((label) => `- **${label}**: x`).join('\n');
    const text = `# Errors\n\n## Intro\n\n## \`MR_A\`\n\n${labels}\n- **Reaction**: \`retry\`; soon\n- **Exit code**: 1\n\n## MR_B\n\n${labels}\n- **Reaction**: fatal\n`;
    const entries = errorEntries(text);
    const facts = { reaction: 'fatal', exitCode: 6 };
    expect(entries.map((entry) => `${entry.line} ${entry.code}`)).toEqual(['5 MR_A', '13 MR_B']);
    expect(errorEntryFindings(entries, { MR_A: facts, MR_B: facts }).map((finding) => finding.rule)).toEqual([
      'MR_A: Reaction is fatal, not retry',
      'MR_A: Exit code is 6, not 1',
      'MR_B has no line "- **Exit code**: ..."',
    ]);
  });
});

describe('eventSignatures and documentedEvents', () => {
  it('read the same from the union and from the table', () => {
    const union = [
      '/** All. */',
      'export type MillraceEvent =',
      "  | { readonly type: 'a.b'; readonly x: string; readonly y?: number }",
      '  | ({',
      '      /** Why; and how. */',
      "      readonly type: 'c.d';",
      '      /** What. */',
      '      readonly w: string;',
      '    } & Figures);',
      '',
      '/** More. */',
      'export interface Figures {',
      '  readonly z: number;',
      '}',
    ].join('\n');
    expect(eventSignatures(union)).toEqual(['a.b(x, y?)', 'c.d(w, z)']);
    const table =
      '| event | when | fields |\n| --- | --- | --- |\n| `a.b` | At A. | `x`, `y?` |\n| `c.d` | At C. | `w`, `z` |\n';
    expect(documentedEvents(table)).toEqual(['a.b(x, y?)', 'c.d(w, z)']);
  });
});

describe('registryFindings', () => {
  const found = (text: string) => registryFindings([{ path: 'README.md', text }]).length;

  it.each(['npm install millrace', 'npm i --save millrace\n', 'run `npx millrace consume`', 'pnpm add millrace@1'])(
    'finds %s',
    (text) => {
      expect(found(text)).toBe(1);
    },
  );

  it.each(['npm run millrace -- consume', 'npm install ./millrace-0.1.0.tgz', 'npm ci, then `npm run millrace`'])(
    'allows %s',
    (text) => {
      expect(found(text)).toBe(0);
    },
  );
});
