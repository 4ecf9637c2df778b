import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { descendantsOf, isAlive, staying } from '../support/processes.ts';
import { programArguments } from '../support/programs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const running: Demo[] = [];

afterEach(() => {
  for (const demo of running.splice(0)) demo.end();
});

/** The demo in a process group of its own, as a terminal gives it one. */
class Demo {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  /** Every process that was seen to descend from it. */
  readonly descendants = new Set<number>();
  stdout = '';
  stderr = '';

  constructor(...args: readonly string[]) {
    this.#child = spawn(process.execPath, [...programArguments('spec/run/demo.ts'), ...args], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    running.push(this);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The exit code, once it has ended. */
  exit(): Promise<number | null> {
    return this.#ended;
  }

  /** Waits until the condition holds, and remembers the processes that are seen meanwhile. */
  async until(condition: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + 60_000;
    for (;;) {
      for (const pid of descendantsOf(this.pid)) this.descendants.add(pid);
      if (condition()) return;
      if (performance.now() > giveUpAt || this.#child.exitCode !== null) {
        throw new Error(`not seen; exit code ${this.#child.exitCode}, stderr: ${this.stderr}, stdout: ${this.stdout}`);
      }
      await delay(20);
    }
  }

  /** Leaves nothing, whatever the test came to; its children end with it. */
  end(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }
}

/** The processes that the demo says it has started. */
function toldPids(text: string): number[] {
  return [...text.matchAll(/ pid (\d+)/g)].map((match) => Number(match[1]));
}

/** kinesis-local, dynalite and two workers. */
const children = 4;

describe('the demo', () => {
  it('counts every record once, prints one line of JSON and leaves no process', async () => {
    const demo = new Demo('--seconds', '3', '--json');
    await demo.until(() => demo.stderr.includes('started'));
    expect([await demo.exit(), demo.stdout.split('\n').length], demo.stderr).toEqual([0, 2]);
    const verdict = JSON.parse(demo.stdout) as Record<string, number>;
    expect(verdict).toMatchObject({ missing: 0, repeated: 0, unacknowledged: 0, shards: 4, workers: 2, seconds: 3 });
    expect(verdict['produced']).toBeGreaterThan(0);
    expect(verdict['counted']).toBe(verdict['produced']);
    expect(verdict['words']).toBeGreaterThan(verdict['produced'] ?? 0);
    expect(verdict['wordsCounted']).toBe(verdict['words']);
    expect(demo.stderr).not.toContain('Warning');
    expect(toldPids(demo.stderr).length).toBe(children);
    expect(toldPids(demo.stderr).filter(isAlive)).toEqual([]);
    expect(await staying(demo.descendants)).toEqual([]);
  });

  it('counts every record once with --chaos: a worker is killed, another joins, a shard is split; each serves its page', async () => {
    const demo = new Demo('--chaos', '--seconds', '12', '--json', '--ui');
    await demo.until(() => demo.stderr.includes('started'));
    const pages = () =>
      [...demo.stderr.matchAll(/the page of worker (\d): (http:\S+)/g)].map(([, worker, url]) => ({ worker, url }));
    await demo.until(() => pages().length === 2);
    const [page] = pages();
    expect((await fetch(new URL('/live', page?.url))).status).toBe(200);
    const authorization = `Bearer ${new URL(page?.url ?? '').hash.replace('#token=', '')}`;
    const receivers = new URL('/api/v1/applications/word-count/streaming/receivers', page?.url);
    expect(await (await fetch(receivers, { headers: { authorization } })).json()).toHaveLength(1);
    await demo.until(() => pages().some(({ worker }) => worker === '3'));
    expect([await demo.exit(), demo.stdout.split('\n').length], demo.stderr).toEqual([0, 2]);
    const verdict = JSON.parse(demo.stdout) as Record<string, unknown>;
    expect(verdict).toMatchObject({ missing: 0, repeated: 0, unacknowledged: 0, faults: [] });
    expect(verdict['incidents']).toEqual([
      expect.stringMatching(/^at [\d.]+ s worker 2 was killed$/),
      expect.stringMatching(/^at [\d.]+ s worker 3 \(pid \d+\) joined$/),
      expect.stringMatching(/^at [\d.]+ s shardId-000000000000 was split$/),
    ]);
    expect(await staying(demo.descendants)).toEqual([]);
  });

  it('ends on Ctrl-C with 130 and one line, and leaves no process', async () => {
    const demo = new Demo('--seconds', '60');
    await demo.until(() => /counted [1-9]/.test(demo.stdout));
    // A terminal sends SIGINT to the whole group.
    process.kill(-demo.pid, 'SIGINT');
    expect(await demo.exit()).toBe(130);
    expect(demo.stderr).toBe('demo: ended by Ctrl-C (SIGINT); the workers and the emulators are gone\n');
    expect(toldPids(demo.stdout).length).toBe(children);
    expect(toldPids(demo.stdout).filter(isAlive)).toEqual([]);
    expect(await staying(demo.descendants)).toEqual([]);
  });

  it('ends on SIGTERM in the middle of its start with 143, and leaves no process', async () => {
    const demo = new Demo('--seconds', '60', '--json');
    await demo.until(() => demo.descendants.size >= children);
    process.kill(demo.pid, 'SIGTERM');
    expect(await demo.exit()).toBe(143);
    expect(demo.stdout).toBe('');
    expect(demo.stderr).toMatch(/^Millrace demo: .*\ndemo: ended by SIGTERM; .*\n$/);
    expect(await staying(demo.descendants)).toEqual([]);
  });

  it('ends with 1 when a worker dies, says which and how, and still prints its figures', async () => {
    const demo = new Demo('--seconds', '60', '--json');
    await demo.until(() => demo.stderr.includes('started'));
    const worker = Number(/worker 2 pid (\d+)/.exec(demo.stderr)?.[1]);
    process.kill(worker, 'SIGKILL');
    expect(await demo.exit()).toBe(1);
    const fault = `worker 2 (pid ${worker}) ended unexpectedly with signal SIGKILL and said nothing`;
    expect(demo.stderr).toContain(`\ndemo: ${fault}\n`);
    expect(JSON.parse(demo.stdout)).toMatchObject({ faults: [fault] });
    expect(await staying(demo.descendants)).toEqual([]);
  });

  it('refuses a wrong option with 2 and one line', async () => {
    const demo = new Demo('--secnods', '3');
    expect(await demo.exit()).toBe(2);
    expect([demo.stdout, demo.stderr]).toEqual(['', 'demo: unknown option "--secnods": did you mean --seconds?\n']);
  });
});

describe('the advanced demo', () => {
  it('counts every word once, in windows that hold their batches, in one process', { timeout: 240_000 }, async () => {
    const demo = new Demo('--advanced', '--seconds', '3', '--json');
    expect(await demo.exit(), demo.stderr).toBe(0);
    const verdict = JSON.parse(demo.stdout) as Record<string, number>;
    expect(verdict).toMatchObject({ mode: 'advanced', missing: 0, repeated: 0, windowsWrong: 0 });
    expect(verdict['counted']).toBe(verdict['produced']);
    expect(verdict['produced']).toBeGreaterThan(0);
    expect(await staying(demo.descendants)).toEqual([]);
  });
});
