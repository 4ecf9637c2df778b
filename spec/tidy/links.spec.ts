import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { linkFindings } from './links.ts';
import { describeFindings, readDocuments } from './source.ts';

const documents = readDocuments();

describe('the documents', () => {
  it('link to files and headings that are there', () => {
    expect(describeFindings(linkFindings(documents))).toEqual([]);
  });

  const fences = documents.flatMap(({ path, text }) =>
    Array.from(text.matchAll(/^```(json|yaml)\n([\s\S]*?)^```$/gm), ([, kind = '', body = ''], index) => {
      return [path, index + 1, kind, body] as const;
    }),
  );

  it('have JSON and YAML in them', () => {
    const kinds = fences.map(([path, , kind]) => `${path} ${kind}`);
    expect(kinds).toContain('docs/health.md yaml');
    expect(kinds).toContain('docs/health.md json');
  });

  it.each(fences)('show well-formed examples: %s, %i, %s', (_path, _number, kind, body) => {
    if (kind === 'json') {
      expect(() => void JSON.parse(body)).not.toThrow();
      return;
    }
    for (const document of parseAllDocuments(body)) {
      expect(document.errors).toEqual([]);
      expect(document.toJS()).toMatchObject({ apiVersion: expect.any(String), kind: expect.any(String) });
    }
  });

  it('give Kubernetes and ECS longer than a drain takes', () => {
    const health = documents.find(({ path }) => path === 'docs/health.md')?.text ?? '';
    const [, grace] = /terminationGracePeriodSeconds: (\d+)/.exec(health) ?? [];
    const [, stop] = /"stopTimeout": (\d+)/.exec(health) ?? [];
    expect(Number(grace)).toBeGreaterThan(25);
    expect(Number(stop)).toBeGreaterThan(25);
  });
});

describe('linkFindings', () => {
  it('finds a missing file and a missing heading, and leaves the web alone', () => {
    const file = (path: string, text: string) => ({ path, text });
    const files = [
      file(
        'docs/a.md',
        '# One `thing`, two\n\n[x](b.md) [y](#one-thing-two) [z](b.md#no)\n[w](https://e.org/x.md) [v](c.md)',
      ),
      file('docs/b.md', '## Yes'),
    ];
    const found = linkFindings(files, (path) => path !== 'docs/c.md');
    expect(found.map(({ line, rule }) => `${line} ${rule}`)).toEqual([
      '3 docs/b.md has no heading #no',
      '4 docs/c.md does not exist',
    ]);
  });
});
