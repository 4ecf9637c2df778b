import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { testKinesisClient } from '../support/local-stack.ts';
import { runs } from '../support/runs.ts';
import type { CountingWorkerOptions } from './fixtures/counting-worker.ts';
import { programArguments } from '../support/programs.ts';

const script = 'spec/integration/fixtures/counting-worker.ts';
/** Calls of the table may take a quarter of it: on a busy machine they take that long. */
const failoverTimeMillis = 2_000;
const keys = 10;
const recordsPerKey = 30;

let aws: LocalFakeAws;
let folder: string;
let applications = 0;
const running: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-once-'));
  aws = await startFakeAws();
  const client = testKinesisClient(aws.endpoint);
  await client.send(new CreateStreamCommand({ StreamName: 'lines', ShardCount: 2 }));
  client.destroy();
  put();
});

afterEach(async () => {
  for (const child of running.splice(0)) await kill(child);
});

afterAll(async () => {
  await aws.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Puts every key's records; how many of each there are now. */
let perKey = 0;
function put(): void {
  for (let number = 0; number < recordsPerKey; number += 1) {
    for (let key = 0; key < keys; key += 1) aws.stream('lines').put(`key ${key}`, `${perKey + number}`);
  }
  perKey += recordsPerKey;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGCONT');
  child.kill('SIGKILL');
  await ended(child);
}

function ended(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? child.signalCode);
  return new Promise((settle) => child.once('exit', (code, signal) => settle(code ?? signal)));
}

type Line = { readonly type: string; readonly epoch?: number; readonly message?: string };

/** A process that counts, with what it has told. */
function start(options: Partial<CountingWorkerOptions> & Pick<CountingWorkerOptions, 'scope' | 'applicationName'>) {
  const all: CountingWorkerOptions = {
    workerIdentifier: 'one',
    streamName: 'lines',
    endpoint: aws.endpoint,
    stateFolder: join(folder, 'state'),
    outputFile: outputOf(options.applicationName),
    isBounded: true,
    failoverTimeMillis,
    ...options,
  };
  const child = spawn(process.execPath, [...programArguments(script), JSON.stringify(all)], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  const lines: Line[] = [];
  let errors = '';
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (text + chunk).split('\n');
    text = parts.pop() ?? '';
    for (const part of parts) lines.push(JSON.parse(part) as Line);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-4_000);
  });
  return { child, lines, errors: () => errors };
}

const outputOf = (applicationName: string) => join(folder, `${applicationName}.jsonl`);

interface Shown {
  readonly group: string;
  readonly fence: { readonly number: number };
  readonly batchId: number;
  readonly counts: readonly (readonly [string, number])[];
}

function shown(applicationName: string): Shown[] {
  if (!existsSync(outputOf(applicationName))) return [];
  const lines = readFileSync(outputOf(applicationName), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Shown);
}

/** What a sink that goes by (fence, batch id) holds in the end: the counts of the last batch of every group. */
function totals(applicationName: string): Record<string, number> {
  const last = new Map<string, Shown>();
  for (const line of shown(applicationName)) {
    const before = last.get(line.group);
    const isLater =
      before === undefined ||
      line.fence.number > before.fence.number ||
      (line.fence.number === before.fence.number && line.batchId >= before.batchId);
    if (isLater) last.set(line.group, line);
  }
  const sums: Record<string, number> = {};
  for (const { counts } of last.values()) for (const [key, count] of counts) sums[key] = (sums[key] ?? 0) + count;
  return sums;
}

const expected = () => Object.fromEntries(Array.from({ length: keys }, (_, key) => [`key ${key}`, perKey]));

async function until(condition: () => boolean, what: () => string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!condition() && performance.now() < giveUpAt) await new Promise((settle) => setTimeout(settle, 50));
  expect(condition(), what()).toBe(true);
}

const newApplication = () => {
  applications += 1;
  return `app-${applications}`;
};

/** Where a process is killed, and at which pass: the commit order of design section 8, and what comes before it. */
const points = [
  ['userFunction', 50],
  ['stateWritten', 1],
  ['output', 2],
  ['outputsDone', 4],
  ['committed', 3],
  ['acknowledged', 2],
] as const;

/**
 * Every point in one scope or the other: both are what `npm run chaos -- --scenario crash-matrix` plays. With
 * MILLRACE_TEST_RUNS above 1 they are both played here too.
 */
const kills = points.flatMap(([point, times], index) => {
  const scopes = ['shard', 'application'] as const;
  return scopes.filter((_, which) => runs(1) > 1 || index % 2 === which).map((scope) => [scope, point, times] as const);
});

describe('committed state', () => {
  it.each(kills)(
    'in %s scope counts every record once after a kill at %s, the %i. time',
    async (scope, point, times) => {
      const applicationName = newApplication();
      const first = start({ scope, applicationName, killAt: { point, times } });
      expect(await ended(first.child), first.errors()).toBe('SIGKILL');
      const second = start({ scope, applicationName });
      expect(await ended(second.child), second.errors() + JSON.stringify(second.lines)).toBe(0);
      expect(totals(applicationName)).toEqual(expected());
      // Batch ids go on where the last commit was, and are never given out anew by a later holder.
      for (const group of new Set(shown(applicationName).map((line) => line.group))) {
        const lines = shown(applicationName).filter((line) => line.group === group);
        for (const [index, line] of lines.entries()) {
          const before = lines[index - 1];
          if (before !== undefined) expect([before.batchId, before.batchId + 1]).toContain(line.batchId);
        }
      }
    },
  );
});

describe.each(['shard', 'application'] as const)('a planned batch in %s scope', (scope) => {
  it('shows the same under the same id when the process is killed after its outputs', async () => {
    const applicationName = newApplication();
    const first = start({ scope, applicationName, isRepeatable: true, killAt: { point: 'outputsDone', times: 2 } });
    expect(await ended(first.child), first.errors()).toBe('SIGKILL');
    const second = start({ scope, applicationName, isRepeatable: true });
    expect(await ended(second.child), second.errors() + JSON.stringify(second.lines)).toBe(0);
    expect(second.lines.map(({ type }) => type)).toContain('plan.found');
    expect(totals(applicationName)).toEqual(expected());
    const contents = new Map<string, unknown>();
    for (const { group, batchId, counts } of shown(applicationName)) {
      const before = contents.get(`${group} ${batchId}`);
      if (before !== undefined) expect([group, batchId, counts]).toEqual([group, batchId, before]);
      contents.set(`${group} ${batchId}`, counts);
    }
  });
});

describe('state by partition key', () => {
  it('goes with its keys through a split and a merge, also when the process is killed on the way', async () => {
    const client = testKinesisClient(aws.endpoint);
    await client.send(new CreateStreamCommand({ StreamName: 'resharded', ShardCount: 2 }));
    client.destroy();
    const stream = aws.stream('resharded');
    const applicationName = newApplication();
    const options = { scope: 'shard', applicationName, streamName: 'resharded' } as const;
    let put = 0;
    const putRound = () => {
      for (let key = 0; key < keys; key += 1) for (let n = 0; n < 5; n += 1) stream.put(`key ${key}`, `${n}`);
      put += 5;
    };
    const finish = async () => {
      const worker = start(options);
      expect(await ended(worker.child), worker.errors() + JSON.stringify(worker.lines)).toBe(0);
    };
    putRound();
    await finish();
    const [first, second] = stream.shards.map(({ shardId }) => shardId);
    stream.split(first ?? '');
    putRound();
    const killed = start({ ...options, killAt: { point: 'stateWritten', times: 2 } });
    expect(await ended(killed.child), killed.errors()).toBe('SIGKILL');
    await finish();
    const lower = stream.shards.filter(({ parentShardIds }) => parentShardIds.includes(first ?? ''));
    stream.merge(lower[1]?.shardId ?? '', second ?? '');
    putRound();
    await finish();
    // What is shown last by the shards that are open holds everything: their parents' keys went to them.
    const open = new Set([lower[0]?.shardId, stream.shards.at(-1)?.shardId]);
    const sums: Record<string, number> = {};
    const last = new Map(shown(applicationName).map((line) => [line.group, line.counts]));
    for (const [group, counts] of last) {
      if (open.has(group)) for (const [key, count] of counts) sums[key] = (sums[key] ?? 0) + count;
    }
    expect(sums).toEqual(Object.fromEntries(Array.from({ length: keys }, (_, key) => [`key ${key}`, put])));
  });
});

describe('a second process in application scope', () => {
  it('waits behind the first, takes over when it is killed, and goes on from its last commit', async () => {
    const applicationName = newApplication();
    const first = start({ scope: 'application', applicationName, isBounded: false });
    await until(() => first.lines.some((line) => line.type === 'engine.active'), first.errors);
    const second = start({ scope: 'application', applicationName, workerIdentifier: 'two', isBounded: false });
    await until(() => second.lines.some((line) => line.type === 'engine.standby'), second.errors);
    await until(() => totals(applicationName)['key 0'] === perKey, first.errors);
    put();
    first.child.kill('SIGKILL');
    await until(() => second.lines.some((line) => line.type === 'engine.active'), second.errors);
    await until(
      () => isDeepStrictEqual(totals(applicationName), expected()),
      () => `${JSON.stringify(totals(applicationName))} ${second.errors()}`,
    );
    second.child.kill('SIGTERM');
    expect(await ended(second.child), second.errors()).toBe(0);
    expect(totals(applicationName)).toEqual(expected());
  });

  it('is not disturbed by the first, which was paused for longer than its epoch and then goes on', async () => {
    const applicationName = newApplication();
    const first = start({ scope: 'application', applicationName, isBounded: false });
    await until(() => totals(applicationName)['key 0'] === perKey, first.errors);
    const second = start({ scope: 'application', applicationName, workerIdentifier: 'two', isBounded: false });
    await until(() => second.lines.some((line) => line.type === 'engine.standby'), second.errors);
    first.child.kill('SIGSTOP');
    await until(() => second.lines.some((line) => line.type === 'engine.active'), second.errors);
    put();
    first.child.kill('SIGCONT');
    expect(await ended(first.child)).toBe(1);
    expect(first.lines.at(-1)?.message).toContain('MR_EPOCH_LOST');
    await until(
      () => isDeepStrictEqual(totals(applicationName), expected()),
      () => `${JSON.stringify(totals(applicationName))} ${second.errors()}`,
    );
    second.child.kill('SIGTERM');
    expect(await ended(second.child), second.errors()).toBe(0);
    expect(totals(applicationName)).toEqual(expected());
  });

  it('leaves at once when it is asked to while it waits', async () => {
    const applicationName = newApplication();
    const first = start({ scope: 'application', applicationName, isBounded: false });
    await until(() => first.lines.some((line) => line.type === 'engine.active'), first.errors);
    const second = start({ scope: 'application', applicationName, workerIdentifier: 'two', isBounded: false });
    await until(() => second.lines.some((line) => line.type === 'engine.standby'), second.errors);
    second.child.kill('SIGTERM');
    expect(await ended(second.child), second.errors()).toBe(0);
  });
});
