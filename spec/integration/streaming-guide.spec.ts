import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DStream, PairDStream, StateDStream } from '../../lib/engine/stream.ts';
import { programsOf } from '../support/readme-programs.ts';
import { writeProgram } from '../support/programs.ts';

let folder: string;

beforeAll(() => {
  // Inside the repository, so that the programs find its packages.
  folder = mkdtempSync(resolve('node_modules', '.guide-programs-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const guide = readFileSync('docs/streaming.md', 'utf8');
const outputs = Array.from(guide.matchAll(/^```text\n(.*?)^```/gms), ([, text = '']) => text);
const programs = programsOf('docs/streaming.md');

describe('the programs of docs/streaming.md', () => {
  it('each have their output below them', () => {
    expect(programs.length).toBeGreaterThanOrEqual(4);
    expect(outputs).toHaveLength(programs.length);
  });

  it.each(programs.map(({ heading, source }, index) => [index, heading, source] as const))(
    'give what they say: %i, %s',
    { timeout: 120_000 },
    async (index, _heading, source) => {
      const command = await writeProgram(folder, `program-${index}`, source);
      const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: 100_000 });
      expect(stdout).toBe(outputs[index]);
    },
  );
});

describe('the table from Spark to Millrace', () => {
  it('leaves out no operator that streams have', () => {
    const internal = ['constructor', 'narrow', 'derive', 'besides', 'checked', 'combine', 'site'];
    const methods = [DStream, PairDStream, StateDStream, Object.getPrototypeOf(DStream)].flatMap((type) =>
      Object.getOwnPropertyNames((type as typeof DStream).prototype),
    );
    const missing = [...new Set(methods)].filter(
      (name) => !internal.includes(name) && !new RegExp(`\\b${name}\\b`).test(guide),
    );
    expect(missing).toEqual([]);
    expect(methods).toContain('updateStateByKey');
  });
});
