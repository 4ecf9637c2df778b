import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeFindings, repositoryRoot } from './source.ts';
import {
  type LockedPackages,
  folderBytes,
  installScriptFindings,
  maxPackages,
  maxTreeBytes,
  productionFolders,
  weightFindings,
} from './weight.ts';

const lock = JSON.parse(readFileSync(path.join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
  packages: LockedPackages;
};

const manifest = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

describe('the production dependencies', () => {
  it('are within the budget of packages and bytes', () => {
    const folders = productionFolders(lock.packages);
    const installed = folders.map((folder) => path.join(repositoryRoot, folder)).filter((folder) => existsSync(folder));
    expect(installed.length).toBeGreaterThan(0);
    const bytes = installed.reduce((sum, folder) => sum + folderBytes(folder), 0);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(describeFindings(weightFindings(folders.length, bytes))).toEqual([]);
  });

  it('run no install scripts', () => {
    expect(describeFindings(installScriptFindings(lock.packages))).toEqual([]);
  });

  it('come with caret ranges, the development packages with exact versions', () => {
    const { dependencies, devDependencies } = manifest;
    expect(Object.values(dependencies).filter((range) => !/^\^\d+\.\d+\.\d+$/.test(range))).toEqual([]);
    expect(Object.values(devDependencies).filter((range) => !/^\d+\.\d+\.\d+$/.test(range))).toEqual([]);
  });
});

describe('the checks of the production dependencies', () => {
  it('find an install script of a production package only', () => {
    const packages = {
      '': { dependencies: { a: '^1.0.0' } },
      'node_modules/a': {
        dependencies: { c: '^2.0.0' },
        optionalDependencies: { '@d/d': '1.0.0', elsewhere: '1.0.0' },
      },
      'node_modules/a/node_modules/c': { hasInstallScript: true, dependencies: { a: '^1.0.0', '@d/d': '^1.0.0' } },
      'node_modules/b': { hasInstallScript: true },
      'node_modules/c': { hasInstallScript: true },
      'node_modules/@d/d': {},
    };
    const folders = ['node_modules/@d/d', 'node_modules/a', 'node_modules/a/node_modules/c'];
    expect(productionFolders(packages)).toEqual(folders);
    expect(installScriptFindings(packages).map((finding) => finding.rule)).toEqual([
      'node_modules/a/node_modules/c runs an install script',
    ]);
  });

  it('find a tree over its budget', () => {
    expect(weightFindings(maxPackages, maxTreeBytes)).toEqual([]);
    expect(weightFindings(maxPackages + 1, maxTreeBytes + 1)).toHaveLength(2);
  });
});
