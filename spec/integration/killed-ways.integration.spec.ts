import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { testKinesisClient } from '../support/local-stack.ts';
import type { WayLine, WayWorkerOptions } from './fixtures/way-worker.ts';
import { programArguments } from '../support/programs.ts';

const script = 'spec/integration/fixtures/way-worker.ts';
const keys = 8;
const killAfter = { records: 80, checkpoints: 2 };

let aws: LocalFakeAws;
let folder: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-ways-'));
  aws = await startFakeAws();
  const client = testKinesisClient(aws.endpoint);
  for (const StreamName of ['lambda', 'feed'])
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
  client.destroy();
});

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await Promise.all([...running].map((child) => ended(child)));
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

function ended(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? child.signalCode);
  return new Promise((settle) => child.once('exit', (code, signal) => settle(code ?? signal)));
}

/** One way to consume: its processes, its load, and what they have handled of it. */
class Scene {
  readonly way: WayWorkerOptions['way'];
  /** In the order in which they were put; each text is `<key> <number>`. */
  readonly put: { readonly text: string; readonly shardId: string }[] = [];
  readonly lines: WayLine[] = [];
  readonly seen = new Set<string>();
  errors = '';
  #read = 0;

  constructor(way: WayWorkerOptions['way']) {
    this.way = way;
  }

  start(workerIdentifier: string, more: Partial<WayWorkerOptions> = {}): ChildProcess {
    const options: WayWorkerOptions = {
      way: this.way,
      applicationName: this.way,
      streamName: this.way,
      workerIdentifier,
      endpoint: aws.endpoint,
      outputFile: this.#file,
      failoverTimeMillis: 2_000,
      ...more,
    };
    const child = spawn(process.execPath, [...programArguments(script), JSON.stringify(options)], {
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors = (this.errors + text).slice(-4_000)));
    running.add(child);
    return child;
  }

  /** Puts a record for each key. */
  load(): void {
    for (let key = 0; key < keys; key += 1) {
      const text = `key-${key} ${this.put.length}`;
      this.put.push({ text, ...aws.stream(this.way).put(`key-${key}`, text) });
    }
  }

  /** Reads what the workers have written since the last look: this process is the service of both, and must not be busy. */
  look(): void {
    if (!existsSync(this.#file)) return;
    const text = readFileSync(this.#file, 'utf8').slice(this.#read);
    const complete = text.slice(0, text.lastIndexOf('\n') + 1);
    this.#read += complete.length;
    for (const line of complete.split('\n').filter((part) => part !== '')) {
      const parsed = JSON.parse(line) as WayLine;
      this.lines.push(parsed);
      if (parsed.type === 'handled') this.seen.add(parsed.text);
    }
  }

  get handled() {
    return this.lines.filter((line) => line.type === 'handled');
  }

  get #file(): string {
    return join(folder, `${this.way}.jsonl`);
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    const giveUpAt = performance.now() + 60_000;
    for (this.look(); !condition() && performance.now() < giveUpAt; this.look()) {
      await new Promise((settle) => setTimeout(settle, 50));
    }
    expect(condition(), `${what}; handled ${this.seen.size} of ${this.put.length}; ${this.errors}`).toBe(true);
  }
}

describe.concurrent('a process that is ended by kill -9 in the middle of its work', () => {
  it.each(['lambda', 'feed'] as const)(
    'by way of %s: the next owner misses nothing, repeats only what was not checkpointed, and keeps the order of keys',
    async (way) => {
      const scene = new Scene(way);
      scene.load();
      const first = scene.start('first', { killAfter });
      await scene.until(() => scene.lines.length > 0, 'the first handles');
      // It starts while the first is at work, and may take a shard over before or after the end of it.
      const second = scene.start('second');
      const timer = setInterval(() => scene.load(), 50);
      try {
        expect(await ended(first)).toBe('SIGKILL');
        const hasMore = () => scene.lines.some(({ worker, type }) => worker === 'second' && type === 'handled');
        await scene.until(hasMore, 'the second handles');
      } finally {
        clearInterval(timer);
      }
      await scene.until(() => scene.seen.size === scene.put.length, 'all is handled');
      second.kill('SIGTERM');
      expect(await ended(second), scene.errors).toBe(0);
      scene.look();
      const { handled, lines } = scene;
      const firstSeen = [...scene.seen];
      for (let key = 0; key < keys; key += 1) {
        const ofKey = (texts: readonly string[]) => texts.filter((text) => text.startsWith(`key-${key} `));
        expect(ofKey(firstSeen)).toEqual(ofKey(scene.put.map(({ text }) => text)));
      }
      const byFirst = new Set(handled.filter(({ worker }) => worker === 'first').map(({ text }) => text));
      const repeated = handled.filter(({ worker, text }) => worker === 'second' && byFirst.has(text));
      // The record in whose handling the process died was never finished.
      expect(repeated.length).toBeGreaterThan(0);
      const shardOf = new Map(scene.put.map(({ text, shardId }) => [text, shardId]));
      const isCheckpointed = ({ text, sequenceNumber }: (typeof handled)[number]) =>
        lines.some(
          (line) =>
            line.type === 'checkpointed' &&
            line.worker === 'first' &&
            line.leaseKey === shardOf.get(text) &&
            BigInt(line.checkpoint.split(':')[0] ?? '') >= BigInt(sequenceNumber),
        );
      expect(handled.filter((line) => line.worker === 'first' && isCheckpointed(line)).length).toBeGreaterThan(0);
      expect(repeated.filter(isCheckpointed)).toEqual([]);
    },
  );
});
