import { beforeEach, describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { drainWorker } from '../../lib/lease/drain-request.ts';
import { Fleet, type FleetWorker, type FleetWorkerOptions, failoverTimeMillis as F } from './fleet.ts';
import { workerRow } from './keeper-bench.ts';

const never = new AbortController().signal;

let fleet: Fleet;

beforeEach(() => {
  fleet = new Fleet();
});

const drain = (workerIdentifier: string, drainMillis = 25_000) =>
  drainWorker(
    { table: fleet.table, workerIdentifier, drainMillis, clock: fleet.clock, random: seededRandom(1) },
    never,
  );

/** A worker that stops cleanly when it is asked to, as a consumer does; `requests` are those that it heard of. */
function start(name: string, options: FleetWorkerOptions = {}): { worker: FleetWorker; requests: string[] } {
  const requests: string[] = [];
  const worker = fleet.start(name, {
    onDrainRequested: (request) => {
      requests.push(request);
      void worker.stop();
    },
    ...options,
  });
  return { worker, requests };
}

async function sharing(count: number): Promise<void> {
  const isShared = () => Object.keys(fleet.shares).length === count && fleet.allHeld;
  await fleet.until(isShared, 60_000);
}

describe('the drain of a worker by its row', () => {
  it('is taken with its next report, and is done when all its leases are with others', async () => {
    const { worker, requests } = start('a', { finishMillis: 3_000 });
    start('b');
    await sharing(2);
    const drained = await fleet.clock.runUntil(drain('a'));
    expect(drained).toMatchObject({ workerIdentifier: 'a', isBack: false });
    expect(drained.shards).toHaveLength(3);
    expect(drained.answeredAfterMillis).toBeLessThanOrEqual(F / 2 + 1_000);
    expect(drained.drainedAfterMillis - drained.answeredAfterMillis).toBeGreaterThanOrEqual(2_500);
    expect(requests).toHaveLength(1);
    await fleet.clock.runUntil(worker.ended);
    expect(worker.state).toBe('stopped');
    await fleet.until(() => fleet.shares['b'] === 6, 60_000);
    expect(fleet.repeated).toEqual([]);
  });

  it('is asked for again when the answer of the report that took it was lost', async () => {
    const { requests } = start('a');
    await sharing(1);
    let lost = 0;
    fleet.table.intercept = (call) => {
      const isTaken = call.name === 'putWorker' && fleet.table.workerRows[0]?.drainRequested !== undefined;
      if (!isTaken || lost > 0) return undefined;
      lost += 1;
      return () => {
        throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the answer was lost');
      };
    };
    await fleet.clock.runUntil(drain('a'));
    expect(lost).toBe(1);
    expect(requests).toHaveLength(1);
  });

  it('is not for a process that is started under the name of one that died with the request', async () => {
    const first = start('a');
    await sharing(1);
    await fleet.advance(20_000);
    first.worker.kill();
    await fleet.table.requestDrain('a', 'for the first', never);
    const second = start('a');
    await fleet.advance(3 * F);
    expect(second.requests).toEqual([]);
    expect(second.worker.state).toBe('running');
    expect(fleet.table.workerRows).toEqual([expect.not.objectContaining({ drainRequested: expect.anything() })]);
  });

  it('ends when a process of the same name comes instead, and leaves that one alone', async () => {
    const first = start('a');
    await sharing(1);
    await fleet.advance(20_000);
    first.worker.kill();
    const draining = drain('a');
    await fleet.advance(2_000);
    const second = start('a');
    const drained = await fleet.clock.runUntil(draining);
    expect(drained.isBack).toBe(true);
    await fleet.advance(3 * F);
    expect(second.requests).toEqual([]);
    expect(second.worker.state).toBe('running');
  });

  it('is given up and taken back where the worker does not answer', async () => {
    fleet.table.putWorkerRow(workerRow('dead', { reportCounter: 1, failoverTimeMillis: F }));
    const before = fleet.clock.monotonicMillis();
    await expect(fleet.clock.runUntil(drain('dead'))).rejects.toMatchObject({
      code: 'MR_DRAIN_TIMEOUT',
      message: expect.stringContaining('worker dead has not answered within 20000 ms'),
    });
    expect(fleet.clock.monotonicMillis() - before).toBeLessThan(22_000);
    expect(fleet.table.workerRows[0]).not.toHaveProperty('drainRequested');
  });

  it('names the shards of a worker that does not finish in time', async () => {
    start('a', { finishMillis: 60_000 });
    await sharing(1);
    await expect(fleet.clock.runUntil(drain('a', 5_000))).rejects.toMatchObject({
      code: 'MR_DRAIN_TIMEOUT',
      message: expect.stringMatching(/began to drain, but still has shardId-000000000000, .* after 5000 ms/),
    });
  });

  it('refuses a Java worker by name, and writes nothing into its row', async () => {
    fleet.table.putWorkerRow(workerRow('java-1', { lastUpdateSeconds: 1 }));
    await expect(fleet.clock.runUntil(drain('java-1'))).rejects.toMatchObject({
      code: 'MR_FOREIGN_WORKER',
      subject: { worker: 'java-1' },
      message: expect.stringContaining('worker java-1 is one of the Java KCL'),
    });
    expect(fleet.table.workerRows).toEqual([workerRow('java-1', { lastUpdateSeconds: 1 })]);
  });

  it('refuses a worker that is not there, naming those that are', async () => {
    for (const name of ['c', 'b']) fleet.table.putWorkerRow(workerRow(name, { reportCounter: 1 }));
    await expect(fleet.clock.runUntil(drain('a'))).rejects.toMatchObject({
      code: 'MR_CONFIG_INVALID',
      message: expect.stringContaining('worker a does not take part: it has no row in the table (b, c have one)'),
    });
  });
});
