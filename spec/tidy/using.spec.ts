import { describe, expect, it } from 'vitest';
import { describeFindings, readTree } from './source.ts';
import { usingFindings } from './using.ts';

describe('the sources', () => {
  it('have no `using` in the body of a loop', () => {
    expect(describeFindings(usingFindings(readTree(['lib', 'spec', 'bench'])))).toEqual([]);
  });
});

describe('usingFindings', () => {
  const found = (text: string) => usingFindings([{ path: 'lib/x.ts', text }]).map(({ line }) => line);

  it.each([
    'for (;;) {\n  using a = b();\n}',
    'for (const x of [f(), g(h())]) {\n  using a = b();\n}',
    'for await (const x of y) {\n  await using a = b();\n}',
    'while (f(x)) {\n  using a = b();\n}',
    'do {\n  using a = b();\n} while (x);',
    'for (;;) { if (x) { y(); } try {\n  using a = b();\n} catch {} }',
    'for (;;) { switch (x) { case 1: {\n  using a = b();\n} } }',
  ])('finds one in %j', (text) => {
    expect(found(text)).toEqual([2]);
  });

  it.each([
    'async function f(): Promise<void> {\n  using a = b();\n}',
    'for (;;) { await run(async () => {\n  using a = b();\n}); }',
    'class C { async #m(x: number): Promise<void> {\n  using a = b();\n  for (;;) { x(); } } }',
    'for (;;) { x(); }\nusing a = b();',
    "it('for', async () => {\n  await using a = b();\n});",
  ])('finds none in %j', (text) => {
    expect(found(text)).toEqual([]);
  });
});
