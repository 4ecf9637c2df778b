import { setTimeout as delay } from 'node:timers/promises';
import { type KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testKinesisClient,
  testRegion,
} from '../support/local-stack.ts';
import { BlockingProcess } from './blocking-process.ts';
import { startSeveredProxy } from './severed-proxy.ts';

const shardCount = 4;
/** F of these tests: short enough to wait for, long enough that a busy machine renews in time. */
const failoverTimeMillis = 4_000;

let kinesis: LocalService;
let dynamo: LocalService;
let client: KinesisClient;
const workers: BlockingProcess[] = [];
let names = 0;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  client = testKinesisClient(kinesis.endpoint);
});
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
});
afterAll(async () => {
  client?.destroy();
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
});

async function application(more: Readonly<Record<string, unknown>> = {}) {
  names += 1;
  const name = `blocked-${names}`;
  await createTestStream(kinesis.endpoint, name, shardCount);
  let produced = 0;
  const put = async () => {
    const Records = Array.from({ length: 40 }, () => {
      produced += 1;
      return { Data: Buffer.from(String(produced)), PartitionKey: `key ${produced}` };
    });
    await client.send(new PutRecordsCommand({ StreamName: name, Records }));
  };
  return {
    name,
    put,
    produced: () => produced,
    start: (workerIdentifier: string, own: Readonly<Record<string, unknown>> = {}, hangs: readonly number[] = []) => {
      const worker = new BlockingProcess(
        {
          applicationName: name,
          streamName: name,
          workerIdentifier,
          region: testRegion,
          credentials: testCredentials,
          kinesisEndpoint: kinesis.endpoint,
          dynamoDBEndpoint: dynamo.endpoint,
          failoverTimeMillis,
          idleTimeBetweenReadsInMillis: 200,
          leaseAssignmentStrategy: 'LEASE_COUNT_BASED',
          coordinationTables: 'single',
          ...more,
          ...own,
        },
        hangs,
      );
      workers.push(worker);
      return worker;
    },
  };
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > giveUpAt) {
      const states = workers.map(({ held, lines, errors }) => ({ held: [...held], last: lines.slice(-8), errors }));
      throw new Error(`${what}: not within 60 s: ${JSON.stringify(states)}`);
    }
    await delay(20);
  }
}

const numbersOf = (worker: BlockingProcess) => new Set(worker.of('records').flatMap(({ numbers }) => numbers));

describe('a worker whose main thread is blocked', () => {
  it('keeps every lease for twice failoverTimeMillis, and goes on in the same tenures', async () => {
    const { put, produced, start } = await application();
    const a = start('a');
    await until(() => a.held.size === shardCount, 'a holds all leases');
    const b = start('b');
    await until(() => a.held.size === 2 && b.held.size === 2, 'the leases are shared out');
    await put();
    await until(() => numbersOf(a).size + numbersOf(b).size >= produced(), 'all is read');
    const held = [...a.held];
    const heldByB = [...b.held];
    a.block(2 * failoverTimeMillis);
    await until(() => a.of('blocking').length === 1, 'a is blocked');
    await put();
    await until(() => a.of('awake').length === 1, 'a wakes up');
    await until(() => new Set([...numbersOf(a), ...numbersOf(b)]).size === produced(), 'all is read again');
    expect(a.of('heartbeats.inlined')).toEqual([]);
    expect(a.of('lease.lost')).toEqual([]);
    expect([...a.held]).toEqual(held);
    expect([...b.held]).toEqual(heldByB);
    const all = [...a.of('records'), ...b.of('records')].flatMap(({ numbers }) => numbers);
    expect(all).toHaveLength(produced());
  });

  it('gives them up after stalledAfterMillis, says so, and hands nothing of the old tenures over when it wakes', async () => {
    const stalledAfterMillis = 3_000;
    const { put, produced, start } = await application();
    const a = start('a', { stalledAfterMillis });
    await until(() => a.held.size === shardCount, 'a holds all leases');
    await put();
    await until(() => numbersOf(a).size === produced(), 'all is read');
    const old = new Set(a.held.values());
    a.block(4 * failoverTimeMillis);
    await until(() => a.of('blocking').length === 1, 'a is blocked');
    const b = start('b');
    await until(() => b.held.size === shardCount, 'b holds all leases');
    await put();
    await until(() => numbersOf(b).size >= 40, 'b reads');
    expect(a.of('awake')).toEqual([]);
    expect(a.errors).toContain('worker.stalled');
    await until(() => a.of('awake').length === 1 && a.of('worker.stalled').length === 1, 'a wakes up');
    await until(() => a.of('lease.lost').length === shardCount, 'a learns of it');
    const [awake] = a.of('awake');
    expect(a.of('lease.lost').map(({ reason }) => reason)).toEqual(Array(shardCount).fill('stalled'));
    const late = a.of('records').filter(({ atMillis, tenure }) => atMillis >= awake!.atMillis && old.has(tenure));
    expect(late).toEqual([]);
    expect(a.of('worker.stalled')[0]).toMatchObject({ released: true });
  });
});

describe('a worker whose heartbeats stop', () => {
  it('hands nothing over any more before others start', async () => {
    const { put, produced, start, name } = await application();
    const cut = await startSeveredProxy(dynamo.endpoint);
    const a = start('a', { dynamoDBEndpoint: cut.endpoint });
    try {
      await until(() => a.held.size === shardCount, 'a holds all leases');
      const b = start('b', { maxLeasesForWorker: 100 });
      await until(() => a.held.size === 2 && b.held.size === 2, 'the leases are shared out');
      const producing = new AbortController();
      const production = (async () => {
        while (!producing.signal.aborted) {
          await put();
          await delay(100);
        }
      })();
      await until(() => numbersOf(a).size > 50, 'a reads');
      cut.cut();
      await until(() => b.held.size === shardCount, 'b takes over');
      producing.abort();
      await production;
      await until(() => new Set([...numbersOf(a), ...numbersOf(b)]).size === produced(), `all of ${name} is read`);
      const lost = a.of('lease.lost');
      expect(lost.map(({ reason }) => reason)).toEqual(['expired', 'expired']);
      for (const { leaseKey } of lost) {
        const last = a.of('records').findLast(({ shardId }) => shardId === leaseKey);
        const first = b.of('records').find(({ shardId }) => shardId === leaseKey);
        expect(last!.atMillis).toBeLessThan(first!.atMillis);
      }
    } finally {
      await a.kill();
      await cut.stop();
    }
  });
});

describe('a shard whose handler never returns', () => {
  it('is told of and given up after stalledAfterMillis, and another worker finishes its records', async () => {
    const { put, produced, start } = await application();
    const first = Array.from({ length: 40 }, (_, index) => index + 1);
    const a = start('a', { stalledAfterMillis: 2_000 }, first);
    await until(() => a.held.size === shardCount, 'a holds all leases');
    const b = start('b');
    await until(() => a.held.size === 2 && b.held.size === 2, 'the leases are shared out');
    await put();
    await until(() => a.of('shard.stalled').length === 2, 'both stalls are told');
    await until(() => numbersOf(b).size === produced(), 'b handles all that a hangs at');
    for (const { shardId, released } of a.of('shard.stalled')) {
      expect(released).toBe(true);
      expect(a.of('lease.released').map(({ leaseKey }) => leaseKey)).toContain(shardId);
    }
  });
});
