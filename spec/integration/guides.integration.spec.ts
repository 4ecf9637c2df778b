import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { createTestStream } from '../support/local-stack.ts';
import { programsOf } from '../support/readme-programs.ts';
import { programEnvironment, writeProgram } from '../support/programs.ts';

let aws: LocalFakeAws;
let folder: string;

beforeAll(async () => {
  aws = await startFakeAws();
  await createTestStream(aws.endpoint, 'orders', 2);
  for (const order of [1, 2, 3]) aws.stream('orders').put(`key-${order}`, `{"order":${order}}`);
  // Inside the repository, so that the programs find its packages.
  folder = mkdtempSync(resolve('node_modules', '.guide-programs-'));
});

afterAll(async () => {
  await aws?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the only program of a document to its end; its output, line by line, sorted. */
async function outputOf(document: string, change: (source: string) => string = (source) => source): Promise<string[]> {
  const programs = programsOf(document);
  expect(programs).toHaveLength(1);
  const name = document.replace(/.*\/(.*)\.md/, '$1');
  const command = await writeProgram(folder, name, change(programs[0]?.source ?? ''));
  const { stdout } = await promisify(execFile)(process.execPath, command, {
    cwd: folder,
    timeout: 100_000,
    env: programEnvironment(aws.endpoint, aws.endpoint),
  });
  return stdout.trim().split('\n').toSorted();
}

const handled = [1, 2, 3].map((order) => `handled {"order":${order}}`);

describe('the programs of the guides', () => {
  it('an aws-kcl processor handles every record once, and its checkpoints hold', async () => {
    expect(await outputOf('docs/from-aws-kcl.md')).toEqual(handled);
    expect(await outputOf('docs/from-aws-kcl.md')).toEqual(['']);
  });

  it('a Lambda handler begins at a time', async () => {
    expect(await outputOf('docs/from-lambda.md')).toEqual(handled);
    const later = (source: string) => {
      return source.replace("new Date('2026-01-31T12:00:00Z')", 'new Date()').replace('orders-moved', 'moved-later');
    };
    expect(await outputOf('docs/from-lambda.md', later)).toEqual(['']);
  });

  it('the first consumer prints every record', async () => {
    const once = (source: string) => source.replace("process.argv.includes('--once')", 'true');
    const lines = await outputOf('docs/start.md', once);
    expect(lines.map((line) => line.replace(/^shardId-\d{12} /, 'handled ')).toSorted()).toEqual(handled);
  });

  it('the consumer guide shows what a record has', async () => {
    const lines = await outputOf('docs/consuming.md');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toBe('none older than true');
    expect(lines.slice(1).every((line) => /^read shardId-\d{12} key-\d true \{"order":\d\}$/.test(line))).toBe(true);
  });
});
