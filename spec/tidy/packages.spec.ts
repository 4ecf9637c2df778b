import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { awsClientFindings, dependencyFindings, eagerFindings, valibotFindings } from './packages.ts';
import { describeFindings, readTree, repositoryRoot } from './source.ts';

const lib = readTree(['lib']);
const manifest = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
};
const peers = Object.keys(manifest.peerDependencies);
/** What the build puts into the page; programs do not load it. */
const bundled = ['preact', 'uplot'];

describe('the packages that lib imports', () => {
  it('are AWS clients in one adapter file for each port and in app/clients.ts only', () => {
    expect(describeFindings(awsClientFindings(lib))).toEqual([]);
  });

  it('are valibot in options, configuration and schema files only', () => {
    expect(describeFindings(valibotFindings(lib))).toEqual([]);
  });

  it('are exactly the dependencies and the optional peers of package.json', () => {
    const declared = [...Object.keys(manifest.dependencies), ...peers, ...bundled];
    expect(describeFindings(dependencyFindings(lib, declared))).toEqual([]);
  });

  it('are part of the page where they are neither', () => {
    const users = lib.filter(({ text }) => bundled.some((name) => text.includes(`from '${name}`)));
    expect(users.length).toBeGreaterThan(0);
    expect(users.map(({ path }) => path).filter((path) => !path.startsWith('lib/web/page/'))).toEqual([]);
  });

  it('are loaded only where they are needed when they are optional', () => {
    expect(peers.filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)).toEqual([]);
    expect(describeFindings(eagerFindings(lib, peers))).toEqual([]);
  });
});

describe('awsClientFindings', () => {
  it('finds a further adapter and a client in a foreign folder', () => {
    const text = "import { KinesisClient } from '@aws-sdk/client-kinesis';";
    const bad = ['lib/kinesis/aws-kinesis.ts', 'lib/kinesis/other.ts', 'lib/lease/table.ts', 'lib/app/clients.ts'];
    expect(awsClientFindings(bad.map((path) => ({ path, text }))).map((finding) => finding.file)).toEqual([
      'lib/kinesis/other.ts',
      'lib/lease/table.ts',
    ]);
  });
});

describe('valibotFindings', () => {
  it('finds valibot in an ordinary file and allows it in options, configuration and schemas', () => {
    const text = "\nimport * as v from 'valibot';";
    const paths = [
      'lib/engine/plan.ts',
      'lib/app/config/area.ts',
      'lib/lease/options.ts',
      'lib/engine/manifest-schema.ts',
    ];
    const found = valibotFindings(paths.map((path) => ({ path, text })));
    expect(found.map(({ file, line }) => `${file}:${line}`)).toEqual(['lib/engine/plan.ts:2']);
  });
});

describe('dependencyFindings', () => {
  it('finds an undeclared package, a module of Node without node:, and a declared package without use', () => {
    const files = [
      { path: 'lib/a.ts', text: "import { x } from 'left-pad/x';\nimport fs from 'fs';\nimport v from 'valibot/v1';" },
    ];
    expect(dependencyFindings(files, ['valibot', 'p-queue']).map((finding) => finding.rule)).toEqual([
      'left-pad/x is not a dependency',
      'fs is not a dependency',
      'nothing in lib imports p-queue',
    ]);
  });
});

describe('eagerFindings', () => {
  it('finds an optional package that is loaded with the file, and allows types and import()', () => {
    const files = [
      { path: 'lib/a.ts', text: "import type * as S3 from 's3';\nconst s3 = await import('s3');" },
      { path: 'lib/b.ts', text: "\nimport { S3Client } from 's3/client';" },
      { path: 'lib/c.ts', text: "export { type A, b } from 's3';" },
    ];
    expect(eagerFindings(files, ['s3']).map(({ file, line }) => `${file}:${line}`)).toEqual([
      'lib/b.ts:2',
      'lib/c.ts:1',
    ]);
  });
});
