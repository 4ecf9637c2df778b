import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiText, generateApiText, listedNames } from './api-text.ts';
import { statementsOf } from './declarations.ts';
import { repositoryRoot } from './source.ts';

describe('docs/api.txt', () => {
  it('has the names and declarations that the package exports; after a deliberate change run: npm run api', () => {
    const written = readFileSync(path.join(repositoryRoot, 'docs/api.txt'), 'utf8');
    expect(generateApiText()).toBe(written);
  });
});

describe('apiText', () => {
  const files: Record<string, string> = {
    'index.d.ts': [
      "export { type Shape, area as surface } from './shape.ts';",
      "export * from './all.ts';",
      "export type { Closed } from './shape.ts';",
      'export declare const version: string;',
    ].join('\n'),
    'shape.d.ts': [
      "import type { Unit } from './unit.ts';",
      "import * as v from 'valibot';",
      '/** A shape; with { braces } in its comment. */',
      'export interface Shape {',
      '    /** In units. */',
      '    readonly side: Side;',
      '    readonly schema: v.GenericSchema;',
      '}',
      "type Side = Unit | ';';",
      'export declare function area(shape: Shape): number;',
      'export declare function area(side: number): number;',
      'export declare class Closed {',
      '    #private;',
      '}',
      'interface Unused {',
      '}',
      'export {};',
    ].join('\n'),
    'unit.d.ts': "export type Unit = import('./deep.ts').Deep;".replaceAll("'", '"'),
    'deep.d.ts': 'export type Deep = number;',
    'all.d.ts': 'export declare const all: readonly string[];\n',
  };
  const text = apiText([{ name: 'shapes', file: 'index.d.ts' }], (file) => files[file] ?? '');

  it('lists exports through every kind of re-export, without comments, and what their declarations use', () => {
    expect(text.split('\n').slice(1).join('\n')).toBe(`
## shapes

# Closed: type
declare class Closed {
    #private;
}

# Shape: type
interface Shape {
    readonly side: Side;
    readonly schema: v.GenericSchema;
}

# all: value
declare const all: readonly string[];

# surface: value
declare function area(shape: Shape): number;
declare function area(side: number): number;

# version: value
declare const version: string;

## used by the above

# Deep
type Deep = number;

# Side
type Side = Unit | ';';

# Unit
type Unit = import("./deep.ts").Deep;
`);
  });

  it('can be asked for the names of values and types', () => {
    expect(listedNames(text, 'shapes', 'value')).toEqual(['all', 'surface', 'version']);
    expect(listedNames(text, 'shapes', 'type')).toEqual(['Closed', 'Shape']);
  });

  it('throws on an export that leads nowhere', () => {
    const lost = { 'index.d.ts': "export { gone } from './a.ts';", 'a.d.ts': 'export {};' } as Record<string, string>;
    expect(() => apiText([{ name: 'x', file: 'index.d.ts' }], (file) => lost[file] ?? '')).toThrow(
      'does not have gone',
    );
  });
});

describe('statementsOf', () => {
  it('cuts at semicolons and at the ends of blocks, outside of brackets only', () => {
    const text = 'type A = { a: 1; b: 2 };\ninterface B { c(): void; }\ndeclare const d: () => { e: 1 };';
    expect(statementsOf(text)).toEqual([
      'type A = { a: 1; b: 2 };',
      'interface B { c(): void; }',
      'declare const d: () => { e: 1 };',
    ]);
  });
});
