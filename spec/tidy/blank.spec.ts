import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOnly, withoutComments } from './blank.ts';

describe('withoutComments', () => {
  it('blanks line and block comments and keeps lines and offsets', () => {
    expect(withoutComments('a; // b\n/* c\nd */ e')).toBe('a;     \n    \n     e');
  });

  it('leaves what looks like a comment inside strings, templates and regular expressions', () => {
    const text = "const a = 'http://x'; const b = `/* ${c} */`; const d = /\\/\\//; const e = 4 / 2 / 1;";
    expect(withoutComments(text)).toBe(text);
  });
});

describe('codeOnly', () => {
  it('blanks strings and regular expressions too', () => {
    expect(codeOnly("f('Date.now', /Date.now/g, Date.now)")).toBe('f(          ,           g, Date.now)');
  });

  it('keeps the code between the braces of a template, nested ones too', () => {
    const kept = codeOnly('x(`a ${one({ b: `c ${two} d` })} e`); three').replaceAll(/\s+/g, ' ');
    expect(kept).toBe('x( ${one({ b: ${two} })} ); three');
  });

  it('keeps length and line ends whatever the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('/', '*', "'", '`', '$', '{', '}', '\\', '\n', 'a', '[', ']') }),
        (text) => {
          const kept = codeOnly(text);
          expect(kept.length).toBe(text.length);
          expect(kept.split('\n').map((line) => line.length)).toEqual(text.split('\n').map((line) => line.length));
        },
      ),
    );
  });
});
