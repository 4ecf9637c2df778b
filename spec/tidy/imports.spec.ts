import { describe, expect, it } from 'vitest';
import { cycleFindings, importsOf, layerFindings, missingTargetFindings } from './imports.ts';
import { describeFindings, readTree } from './source.ts';

const lib = readTree(['lib']);

describe('the imports of lib', () => {
  it('follow the import table', () => {
    expect(describeFindings(layerFindings(lib))).toEqual([]);
  });

  it('name files that exist, with their ending', () => {
    expect(describeFindings(missingTargetFindings(lib))).toEqual([]);
  });

  it('make no cycle between files', () => {
    expect(describeFindings(cycleFindings(lib))).toEqual([]);
  });
});

describe('importsOf', () => {
  it('finds every way to import, and none in comments or strings', () => {
    const text = [
      "import { a } from './a.ts';",
      "import type { B } from '../base/b.ts';",
      "import './c.ts';",
      'import {',
      '  d,',
      "} from './d.ts';",
      "export * from './e.ts';",
      "export { type F, f } from './f.ts';",
      "const g = await import('./g.ts');",
      "type H = import('./h.ts').H;",
      "const i = new Worker(new URL('./i.ts', import.meta.url));",
      "// import { z } from './z.ts';",
      'const text = "import { y } from \'./y.ts\'";',
      "export const k = 'from';",
      "import fs from 'node:fs';",
    ].join('\n');
    const found = importsOf({ path: 'lib/lease/x.ts', text });
    expect(found.map((one) => `${one.line} ${one.target ?? one.specifier}`)).toEqual([
      '1 lib/lease/a.ts',
      '2 lib/base/b.ts',
      '3 lib/lease/c.ts',
      '6 lib/lease/d.ts',
      '7 lib/lease/e.ts',
      '8 lib/lease/f.ts',
      '9 lib/lease/g.ts',
      '10 lib/lease/h.ts',
      '11 lib/lease/i.ts',
      '15 node:fs',
    ]);
  });
});

describe('layerFindings', () => {
  it('finds an import against the direction, a type-only one too', () => {
    const bad = [
      { path: 'lib/base/clock.ts', text: "import type { Block } from '../block/block.ts';" },
      { path: 'lib/engine/plan.ts', text: "\nimport { read } from '../kinesis/reader.ts';" },
      { path: 'lib/app/consumer.ts', text: "import { fake } from '../testkit/fake.ts';" },
      { path: 'lib/lease/keeper.ts', text: "import type { KinesisApi } from '../kinesis/kinesis-api.ts';" },
      { path: 'lib/index.ts', text: "export { main } from './cli/main.ts';" },
      { path: 'lib/cli/main.ts', text: "import { sample } from '../../spec/sample.ts';" },
      { path: 'lib/tools/x.ts', text: '' },
    ];
    expect(layerFindings(bad).map(({ file, line }) => `${file}:${line}`)).toEqual([
      'lib/base/clock.ts:1',
      'lib/engine/plan.ts:2',
      'lib/app/consumer.ts:1',
      'lib/lease/keeper.ts:1',
      'lib/index.ts:1',
      'lib/cli/main.ts:1',
      'lib/tools/x.ts:0',
    ]);
  });

  it('allows what the table allows', () => {
    const good = [
      { path: 'lib/lease/sync.ts', text: "import type { Shard } from '../kinesis/shard.ts';" },
      { path: 'lib/lease/plan/assign.ts', text: "import { row } from '../row.ts';\nimport fs from 'node:fs';" },
      { path: 'lib/index.ts', text: "export { createConsumer } from './app/consumer.ts';" },
    ];
    expect(layerFindings(good)).toEqual([]);
  });
});

describe('missingTargetFindings', () => {
  it('finds an import without its ending', () => {
    const bad = [
      { path: 'lib/base/a.ts', text: "import { b } from './b';" },
      { path: 'lib/base/b.ts', text: '' },
    ];
    expect(describeFindings(missingTargetFindings(bad))).toEqual([
      'lib/base/a.ts:1 no such file: ./b. Remedy: name the file with its .ts ending, as Node and TypeScript resolve it',
    ]);
  });
});

describe('cycleFindings', () => {
  it('finds a cycle over three files and shows the way around', () => {
    const bad = [
      { path: 'lib/base/a.ts', text: "import { b } from './b.ts';" },
      { path: 'lib/base/b.ts', text: "import type { C } from './c.ts';" },
      { path: 'lib/base/c.ts', text: "export { a } from './a.ts';" },
      { path: 'lib/base/d.ts', text: "import { a } from './a.ts';" },
    ];
    expect(cycleFindings(bad).map((finding) => finding.rule)).toEqual([
      'imports go in a circle: lib/base/a.ts -> lib/base/b.ts -> lib/base/c.ts -> lib/base/a.ts',
    ]);
  });

  it('takes a diamond for what it is', () => {
    const good = [
      { path: 'lib/base/a.ts', text: "import { b } from './b.ts';\nimport { c } from './c.ts';" },
      { path: 'lib/base/b.ts', text: "import { d } from './d.ts';" },
      { path: 'lib/base/c.ts', text: "import { d } from './d.ts';" },
      { path: 'lib/base/d.ts', text: '' },
    ];
    expect(cycleFindings(good)).toEqual([]);
  });
});
