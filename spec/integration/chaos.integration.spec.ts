import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Round, playRound } from '../run/chaos/play.ts';
import { scenarios } from '../run/chaos/scenarios/all.ts';
import { type Services, startServices } from '../run/chaos/services.ts';
import { type ChaosReport, judgeScenario } from '../run/chaos/verdict.ts';
import { descendantsOf, staying } from '../support/processes.ts';
import { programArguments } from '../support/programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pace = { failoverTimeMillis: 6_000 };

let services: Services;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  services = await startServices('fakes', new AbortController().signal);
  folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-spec-'));
});
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
afterAll(async () => {
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const scenario = scenarios.find(({ name }) => name === 'quiet')!;

/** A round of the scenario in which nothing happens, with workers that are broken in a way. */
async function roundOfBroken(way: string): Promise<Round> {
  const program = { file: 'broken-worker.ts', args: [way] };
  const { signal } = new AbortController();
  // What is skipped never comes.
  return playRound({ scenario, services, folder, ...pace, program, handledLimitMillis: 10_000, signal });
}

function isWithinBounds(round: Round): boolean {
  return judgeScenario({ scenario, on: 'fakes' }, [round], pace, 1).withinBounds;
}

describe('the chaos harness', () => {
  it('tells when a worker skips records', async () => {
    const round = await roundOfBroken('skip');
    expect(round.audit.missing).toBeGreaterThan(0);
    expect(round.audit).toMatchObject({ outOfOrder: 0, repeated: 0, foreign: 0 });
    expect(isWithinBounds(round)).toBe(false);
  });

  it('tells when a worker repeats records', async () => {
    const round = await roundOfBroken('repeat');
    expect(round.audit.unexcused).toBeGreaterThan(0);
    expect(round.audit).toMatchObject({ missing: 0, outOfOrder: 0, foreign: 0 });
    expect(isWithinBounds(round)).toBe(false);
  });

  it('tells when a worker handles records in another order', async () => {
    const round = await roundOfBroken('reorder');
    expect(round.audit.outOfOrder).toBeGreaterThan(0);
    expect(round.audit).toMatchObject({ missing: 0, repeated: 0, foreign: 0 });
    expect(isWithinBounds(round)).toBe(false);
  });
});

/** The command in a process group of its own, as a terminal gives it one. */
function chaos(...args: readonly string[]) {
  const child = spawn(process.execPath, [...programArguments('spec/run/chaos.ts'), ...args], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const exit = new Promise<number | null>((settle) => child.once('close', (code) => settle(code)));
  return { child, output, exit };
}

describe('npm run chaos', () => {
  it('prints one line of JSON, and ends with 0 when all is within bounds', async () => {
    const { output, exit } = chaos('--scenario', 'sigterm', '--failover-time-millis', '6000', '--json');
    expect([await exit, output.stdout.split('\n').length], output.stderr).toEqual([0, 2]);
    const report = JSON.parse(output.stdout) as ChaosReport;
    expect(report).toMatchObject({ failed: 0, failoverTimeMillis: 6_000 });
    expect(report.edges.covered).toBeGreaterThan(3);
    const [verdict] = report.scenarios;
    expect(verdict).toMatchObject({ scenario: 'sigterm', on: 'fakes', missing: 0, outOfOrder: 0, repeated: 0 });
    expect(verdict).toMatchObject({ repeatedBound: 0, pauseBoundMillis: 3_000, withinBounds: true, faults: [] });
    expect(verdict?.produced).toBeGreaterThan(500);
  });

  it('ends on Ctrl-C with 130, and leaves no process', async () => {
    const { child, output, exit } = chaos('--scenario', 'kill');
    const { pid = 0 } = child;
    const started = new Set<number>();
    // The services, three workers, and what tsx has beside them.
    for (const giveUpAt = performance.now() + 60_000; started.size < 4; await delay(50)) {
      for (const one of descendantsOf(pid)) started.add(one);
      if (performance.now() > giveUpAt) throw new Error(`not started: ${output.stderr}`);
    }
    process.kill(-pid, 'SIGINT');
    expect(await exit, output.stderr).toBe(130);
    expect(output.stderr).toContain('chaos: ended by Ctrl-C (SIGINT); the workers and the services are gone');
    expect(await staying(started)).toEqual([]);
  });
});
