import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { awsClientFindings, dependencyFindings, zodFindings } from './packages.ts';
import { describeFindings, readTree, repositoryRoot } from './source.ts';

const lib = readTree(['lib']);
const manifest = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

describe('the packages that lib imports', () => {
  it('are AWS clients in one adapter file each and in app/clients.ts only', () => {
    expect(describeFindings(awsClientFindings(lib))).toEqual([]);
  });

  it('are zod in options, configuration and schema files only', () => {
    expect(describeFindings(zodFindings(lib))).toEqual([]);
  });

  it('are exactly the dependencies of package.json', () => {
    expect(describeFindings(dependencyFindings(lib, Object.keys(manifest.dependencies)))).toEqual([]);
  });
});

describe('awsClientFindings', () => {
  it('finds a second adapter and a client in a foreign folder', () => {
    const text = "import { KinesisClient } from '@aws-sdk/client-kinesis';";
    const bad = ['lib/kinesis/aws.ts', 'lib/kinesis/other.ts', 'lib/lease/table.ts', 'lib/app/clients.ts'];
    expect(awsClientFindings(bad.map((path) => ({ path, text }))).map((finding) => finding.file)).toEqual([
      'lib/kinesis/other.ts',
      'lib/lease/table.ts',
    ]);
  });
});

describe('zodFindings', () => {
  it('finds zod in an ordinary file and allows it in options, configuration and schemas', () => {
    const text = "\nimport * as z from 'zod';";
    const paths = [
      'lib/engine/plan.ts',
      'lib/app/config/area.ts',
      'lib/lease/options.ts',
      'lib/engine/manifest-schema.ts',
    ];
    const found = zodFindings(paths.map((path) => ({ path, text })));
    expect(found.map(({ file, line }) => `${file}:${line}`)).toEqual(['lib/engine/plan.ts:2']);
  });
});

describe('dependencyFindings', () => {
  it('finds an undeclared package, a module of Node without node:, and a declared package without use', () => {
    const files = [
      { path: 'lib/a.ts', text: "import { x } from 'left-pad/x';\nimport fs from 'fs';\nimport z from 'zod/v4';" },
    ];
    expect(dependencyFindings(files, ['zod', 'p-queue']).map((finding) => finding.rule)).toEqual([
      'left-pad/x is not a dependency',
      'fs is not a dependency',
      'nothing in lib imports p-queue',
    ]);
  });
});
