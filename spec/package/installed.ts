import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../tidy/source.ts';

/** What a command printed and how it ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, with this very Node first in the path. */
export function run(command: string, args: readonly string[], folder: string): Outcome {
  const searchPath = [path.dirname(process.execPath), process.env['PATH']].join(path.delimiter);
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: searchPath, NODE_OPTIONS: '' },
    maxBuffer: 64 * 1024 * 1024,
    timeout: 240_000,
  });
  return { status, stdout, stderr };
}

/** Like {@link run}, and throws with all that was printed when the command fails. */
export function mustRun(command: string, args: readonly string[], folder: string): string {
  const { status, stdout, stderr } = run(command, args, folder);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** The package as a user gets it: packed, and installed into an empty folder. */
export interface InstalledPackage {
  readonly folder: string;
  readonly tarball: string;
  /** The paths inside the tarball. */
  readonly files: readonly string[];
}

/** Builds and packs Millrace and installs the tarball into a new temporary folder, which the caller removes. */
export function installPackage(): InstalledPackage {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-package-'));
  mustRun('npm', ['run', 'build'], repositoryRoot);
  const packed = mustRun('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], repositoryRoot);
  const [report] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
  const tarball = path.join(folder, report.filename);
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "user", "private": true }\n');
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  mustRun('npm', ['install', tarball, ...flags], folder);
  return { folder, tarball, files: report.files.map((file) => file.path) };
}
