import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { AT_TIMESTAMP, LATEST, SHARD_END, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { Fleet, failoverTimeMillis as F, sixShards } from './fleet.ts';
import { givenLease, workerRow } from './keeper-bench.ts';
import { idOf, shardOf, stream } from './plan/lineage.ts';

let fleet: Fleet;

beforeEach(() => {
  fleet = new Fleet();
});

/** Starts workers together and waits until the leases are held and shared. */
async function running(...names: string[]): Promise<void> {
  for (const name of names) fleet.start(name);
  await evened(names.length);
}

async function evened(workers: number): Promise<number> {
  const share = sixShards.length / workers;
  return fleet.until(
    () => fleet.allHeld && Object.values(fleet.shares).filter((count) => count === share).length === workers,
    60_000,
  );
}

function rowOf(number: number): Lease {
  return fleet.table.rows.find((row) => row.leaseKey === idOf(number))!;
}

describe('one worker', () => {
  it('takes every lease at once', async () => {
    fleet.start('a');
    expect(await evened(1)).toBeLessThan(1_100);
    for (const row of fleet.table.rows) expect(row).toMatchObject({ leaseOwner: 'a', leaseCounter: 2, tenure: 2 });
  });

  it('holds them for an hour without losing one', async () => {
    await running('a');
    await fleet.advance(3_600_000);
    expect(fleet.shares).toEqual({ a: 6 });
    expect(fleet.workers[0]?.lost).toEqual([]);
    expect(fleet.table.workerRows).toHaveLength(1);
  }, 60_000);

  it('takes everything at once although the row of a worker that is long dead is there, and removes that row', async () => {
    fleet.table.putWorkerRow(workerRow('dead', { reportCounter: 1 }));
    fleet.start('a');
    expect(await evened(1)).toBeLessThan(F + 2_000);
    await fleet.until(() => fleet.table.workerRows.length === 1, 4 * F);
  });

  it('takes no more than maxLeasesForWorker', async () => {
    fleet.start('a', { maxLeasesForWorker: 4 });
    await fleet.advance(5_000);
    expect(fleet.shares).toEqual({ a: 4 });
    fleet.start('b', { maxLeasesForWorker: 4 });
    await evened(2);
  });

  it('ends the handoffs of a process before it under its name as soon as it starts: nobody else can', async () => {
    fleet.table.putRow({ ...givenLease('b', idOf(0)), checkpointOwner: 'a', ...stream, firstSyncEnded: true });
    fleet.start('b');
    await fleet.advance(3_000);
    expect(rowOf(0)).toMatchObject({ leaseOwner: 'b', checkpointOwner: 'a' });
    fleet.start('a');
    await fleet.until(() => rowOf(0).tenure !== undefined, 3_000);
    expect(rowOf(0)).toMatchObject({ leaseOwner: 'b' });
    expect(rowOf(0).checkpointOwner).toBeUndefined();
  });

  it('does not take leases of shards that have ended', async () => {
    fleet.table.putRow({ ...givenLease('x', idOf(0)), checkpoint: SHARD_END, ...stream, firstSyncEnded: true });
    fleet.start('a');
    await fleet.advance(3 * F);
    expect(fleet.shares).toEqual({ a: 5 });
    expect(rowOf(0)).toMatchObject({ leaseOwner: 'x', leaseCounter: 1 });
  });
});

describe('several workers', () => {
  it.each([[['a', 'b']], [['a', 'b', 'c']]])('%s that start together share evenly', async (names) => {
    for (const name of names) fleet.start(name);
    expect(await evened(names.length)).toBeLessThan(5_000);
  });

  it('share evenly with one that joins later: the leader hands over the surplus, and nobody loses or repeats anything', async () => {
    await running('a');
    fleet.start('b');
    expect(await evened(2)).toBeLessThan(10_000);
    fleet.start('c');
    expect(await evened(3)).toBeLessThan(10_000);
    const moved = () => fleet.workers.map((worker) => worker.handoffs.length);
    expect(moved()).toEqual([4, 1, 0]);
    await fleet.advance(5 * F);
    expect(fleet.shares).toEqual({ a: 2, b: 2, c: 2 });
    expect(moved()).toEqual([4, 1, 0]);
    // Every move was the leader's.
    const leaders = fleet.workers.filter(({ events }) => events.some(({ type }) => type === 'lease.handoff'));
    expect(leaders.map(({ name }) => name)).toEqual(['a']);
    expect(fleet.handoffs).toHaveLength(5);
    for (const worker of fleet.workers) expect(worker.lost).toEqual([]);
    expect(fleet.repeated).toEqual([]);
  });

  it('hear from the leader of each other joining and leaving', async () => {
    await running('a');
    const [a] = fleet.workers;
    const b = fleet.start('b');
    await evened(2);
    await fleet.clock.runUntil(b.stop());
    await fleet.advance(2_000);
    const told = a!.events.filter(({ type }) => type === 'worker.joined' || type === 'worker.left');
    expect(told).toEqual([
      { type: 'worker.joined', workerIdentifier: 'b' },
      { type: 'worker.left', workerIdentifier: 'b' },
    ]);
  });

  it('go on through slow answers of the table', async () => {
    fleet.table.intercept = () => sleep(fleet.clock, 400).then(() => () => sleep(fleet.clock, 400));
    await running('a', 'b', 'c');
    await fleet.advance(10 * F);
    expect(fleet.shares).toEqual({ a: 2, b: 2, c: 2 });
    for (const worker of fleet.workers) expect(worker.lost).toEqual([]);
  });

  it('go on through an outage of the table that is shorter than what is left of F', async () => {
    await running('a', 'b');
    fleet.table.intercept = () => {
      throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
    };
    await fleet.advance(F / 2);
    fleet.table.intercept = () => {};
    await fleet.advance(F);
    expect(fleet.shares).toEqual({ a: 3, b: 3 });
    for (const worker of fleet.workers) expect(worker.lost).toEqual([]);
  });

  it('hold nothing during a longer outage, and come back after it', async () => {
    await running('a', 'b');
    fleet.table.intercept = () => {
      throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
    };
    await fleet.advance(2 * F);
    expect(fleet.shares).toEqual({});
    fleet.table.intercept = () => {};
    expect(await evened(2)).toBeLessThan(F);
  });
});

describe('a worker that is killed', () => {
  it('is followed by the others after F, and soon', async () => {
    await running('a', 'b');
    expect(fleet.leader?.name).toBe('a');
    fleet.workers[1]!.kill();
    await fleet.advance(F / 2);
    expect(fleet.shares).toEqual({ a: 3 });
    const took = F / 2 + (await fleet.until(() => fleet.allHeld, 2 * F));
    // Its last renewal was sent up to F/3 before it died.
    expect(took).toBeGreaterThan(F - F / 3);
    expect(took).toBeLessThan(F + 3_000);
    expect(fleet.shares).toEqual({ a: 6 });
    for (const row of fleet.table.rows) expect(row.leaseOwner).toBe('a');
  });

  it('while it led is followed before 2 F and two seconds: the next leader need not wait F again', async () => {
    await running('a', 'b');
    fleet.leader!.kill();
    await fleet.advance(F / 2);
    expect(fleet.shares).toEqual({ b: 3 });
    const took = F / 2 + (await fleet.until(() => fleet.allHeld, 2 * F));
    expect(took).toBeGreaterThan(F - F / 3);
    expect(took).toBeLessThanOrEqual(2 * F + 2_000);
    expect(fleet.leader?.name).toBe('b');
    expect(fleet.shares).toEqual({ b: 6 });
  });

  it('and was alone is followed after F, and soon, by one that starts anew under another name', async () => {
    await running('a');
    fleet.workers[0]!.kill();
    fleet.start('b');
    // It looks at lock and leases from its start on, since it cannot know for how long they have stood still.
    expect(await evened(1)).toBeLessThan(F + 2_000);
  });

  it('is shared out among two others', async () => {
    await running('a', 'b', 'c');
    fleet.workers[1]!.kill();
    expect(await fleet.until(() => fleet.allHeld, 2 * F)).toBeLessThan(F + 3_000);
    expect(fleet.shares).toEqual({ a: 3, c: 3 });
    await fleet.until(() => fleet.table.workerRows.length === 2, 4 * F);
  });

  it('comes back under its name without waiting for F', async () => {
    await running('a', 'b');
    fleet.workers[0]!.kill();
    await fleet.advance(2_000);
    const again = fleet.start('a');
    expect(await fleet.until(() => fleet.allHeld, 60_000)).toBeLessThan(1_500);
    expect(fleet.shares).toEqual({ a: 3, b: 3 });
    await fleet.advance(3 * F);
    expect(again.lost).toEqual([]);
    expect(again.state).toBe('running');
  });

  it('leaves a lease behind that another has just given it; that one is found too', async () => {
    await running('a');
    const b = fleet.start('b');
    await fleet.until(() => b.state === 'running' && fleet.workers[0]!.handoffs.length > 0, 10_000);
    b.kill();
    expect(await fleet.until(() => fleet.allHeld, 3 * F)).toBeLessThan(F + 3_000);
    expect(fleet.shares).toEqual({ a: 6 });
  });
});

describe('a worker that stops', () => {
  it('gives its leases to the others at once', async () => {
    await running('a', 'b', 'c');
    await fleet.advance(F);
    const [a, b, c] = fleet.workers;
    await fleet.clock.runUntil(b!.stop());
    expect(fleet.table.rows.map((row) => row.leaseOwner ?? '-').toSorted()).toEqual(['a', 'a', 'a', 'c', 'c', 'c']);
    expect(await fleet.until(() => fleet.allHeld, F)).toBeLessThan(1_100);
    expect(fleet.shares).toEqual({ a: 3, c: 3 });
    expect([...a!.lost, ...b!.lost, ...c!.lost]).toEqual([]);
    expect(fleet.table.workerRows.map((row) => row.workerIdentifier).toSorted()).toEqual(['a', 'c']);
    await fleet.advance(3 * F);
    expect(fleet.shares).toEqual({ a: 3, c: 3 });
  });

  it('leaves them to nobody when it is alone, and the next one takes them without waiting', async () => {
    await running('a');
    await fleet.clock.runUntil(fleet.workers[0]!.stop());
    for (const row of fleet.table.rows) expect(row.leaseOwner).toBeUndefined();
    expect(fleet.table.workerRows).toEqual([]);
    fleet.start('b');
    expect(await evened(1)).toBeLessThan(1_100);
  });

  it('also releases what was given to it at the last moment and never begun', async () => {
    await running('a', 'b');
    // Long enough that each has seen the other alive.
    await fleet.advance(F);
    const [a, b] = fleet.workers;
    const stopped = a!.stop();
    fleet.table.putRow({ ...rowOf(5), leaseOwner: 'a', leaseCounter: 100 });
    await fleet.clock.runUntil(stopped);
    expect(rowOf(5)).toMatchObject({ leaseOwner: 'b', leaseCounter: 101 });
    await fleet.until(() => fleet.allHeld, F);
    expect(b!.holds(idOf(5))).toBe(true);
  });

  it('does not cut off a Java worker that is still handing a lease over to it', async () => {
    await running('a');
    const handed: Lease = { ...rowOf(5), leaseOwner: 'a', checkpointOwner: 'java', leaseCounter: 100 };
    fleet.table.putRow(handed);
    fleet.table.putWorkerRow(workerRow('java'));
    await fleet.clock.runUntil(fleet.workers[0]!.stop());
    expect(rowOf(5)).toEqual(handed);
  });

  it('stops although the table cannot be reached, and what it held expires', async () => {
    await running('a', 'b');
    const [a] = fleet.workers;
    const isA = new Set(a!.keeper.held.map((lease) => lease.leaseKey));
    const { intercept } = fleet.table;
    fleet.table.intercept = () => {
      throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
    };
    await fleet.clock.runUntil(a!.stop(), { atMostMillis: 120_000 });
    fleet.table.intercept = intercept;
    expect(a!.keeper.held).toEqual([]);
    await fleet.until(() => fleet.allHeld, 3 * F);
    for (const key of isA) expect(fleet.holdersOf(key).map((worker) => worker.name)).toEqual(['b']);
  });
});

describe('a worker that sleeps longer than F', () => {
  it('finds its leases lost when it wakes, writes nothing over the new owner, and takes its share again', async () => {
    await running('a', 'b');
    const [a] = fleet.workers;
    const before = a!.tenures;
    a!.pause();
    await fleet.advance(2 * F);
    expect(fleet.shares).toEqual({ b: 6 });
    const rows = fleet.table.rows;
    a!.resume();
    for (const [leaseKey, tenure] of before) {
      expect(a!.keeper.confirmCurrent(leaseKey, tenure)).toBe(false);
      const asked = a!.keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint: positionOf(1n) });
      expect(await fleet.clock.runUntil(asked)).toBe('lost');
    }
    expect(fleet.table.rows).toEqual(rows);
    expect(a!.lost.map(({ reason }) => reason)).toEqual(['expired', 'expired', 'expired']);
    await evened(2);
    expect(a!.state).toBe('running');
  });

  it('and whose checkpoint was on its way is refused by the fence', async () => {
    await running('a', 'b');
    const [a] = fleet.workers;
    const [leaseKey, tenure] = [...a!.tenures][0]!;
    const { intercept } = fleet.table;
    fleet.table.intercept = (call) => {
      // It leaves the process, and is long on its way.
      if (call.name === 'write' && call.write.leaseKey === leaseKey && call.write.set.checkpoint !== undefined) {
        return sleep(fleet.clock, 2 * F);
      }
      return undefined;
    };
    const asked = a!.keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint: positionOf(7n) });
    await fleet.advance(1);
    fleet.table.intercept = intercept;
    a!.pause();
    await fleet.advance(2 * F + 10);
    a!.resume();
    expect(await fleet.clock.runUntil(asked)).toBe('lost');
    const row = fleet.table.rows.find((one) => one.leaseKey === leaseKey);
    expect(row?.leaseOwner).toBe('b');
    expect(row?.checkpoint).not.toEqual(positionOf(7n));
  });
});

describe('another stream', () => {
  const isWrite = (name: string) => ['createIfAbsent', 'write', 'putWorker', 'deleteWorker'].includes(name);

  it.each<[string, Partial<Lease>]>([
    ['of another ARN', { streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/other' }],
    ['that was created anew', { streamCreatedAtMillis: stream.streamCreatedAtMillis - 1 }],
  ])('%s is refused at the start, and no write is made', async (_, parts) => {
    fleet.table.putRow({ ...givenLease('x', idOf(0)), ...stream, ...parts });
    const a = fleet.start('a');
    await fleet.clock.runUntil(a.ended);
    expect(a.fault).toMatchObject({ code: 'MR_STREAM_CHANGED', subject: { lease: idOf(0) } });
    expect(fleet.changes.filter(({ name }) => isWrite(name))).toEqual([]);
    expect(fleet.table.rows).toHaveLength(1);
  });

  it('names both streams, and both times', async () => {
    const other = 'arn:aws:kinesis:eu-west-1:123456789012:stream/other';
    fleet.table.putRow({ ...givenLease('x', idOf(0)), ...stream, streamArn: other });
    const a = fleet.start('a');
    await fleet.clock.runUntil(a.ended);
    expect(String(a.fault)).toContain(other);
    expect(String(a.fault)).toContain(stream.streamArn);
    fleet.table.putRow({ ...givenLease('x', idOf(0)), ...stream, streamCreatedAtMillis: 0 });
    const b = fleet.start('b');
    await fleet.clock.runUntil(b.ended);
    expect(String(b.fault)).toContain('1970-01-01T00:00:00.000Z');
    expect(String(b.fault)).toContain('2023-11-14T22:13:20.123Z');
  });

  it('that appears in the table of a running worker ends it', async () => {
    await running('a');
    fleet.table.putRow({ ...givenLease('x', idOf(9)), ...stream, streamArn: 'arn:aws:kinesis:x:1:stream/other' });
    await fleet.clock.runUntil(fleet.workers[0]!.ended);
    expect(fleet.workers[0]!.fault).toMatchObject({ code: 'MR_STREAM_CHANGED' });
  });
});

describe('a table whose rows Java made', () => {
  /** As KCL leaves them: no stream, no tenure, no timestamp. */
  function javaRow(number: number, parts: Partial<Lease> = {}): Lease {
    const hashKeyRange = { startingHashKey: '0', endingHashKey: '9' };
    return { ...givenLease('java', idOf(number)), leaseCounter: 500 + number, hashKeyRange, ...parts };
  }

  it('is taken over after F from a Java worker that is gone, each row at its own checkpoint', async () => {
    fleet = new Fleet({ initialPosition: { type: 'AT_TIMESTAMP', timestampMillis: 1_700_000_000_000 } });
    fleet.table.putRow(javaRow(0, { checkpoint: LATEST }));
    fleet.table.putRow(javaRow(1, { checkpoint: AT_TIMESTAMP }));
    fleet.table.putRow(javaRow(2, { checkpoint: TRIM_HORIZON }));
    fleet.table.putRow(javaRow(3, { checkpoint: positionOf(33n, 2) }));
    const unowned = javaRow(4, { checkpoint: positionOf(44n) });
    const { leaseOwner: _, ...rest } = unowned;
    fleet.table.putRow(rest);
    const a = fleet.start('a');
    await fleet.until(() => a.holds(idOf(4)) && a.holds(idOf(5)), 2_000);
    // Shard 5 had no row: it was born later, so it is read from its beginning whatever the initial position is.
    expect(rowOf(5)).toMatchObject({ checkpoint: TRIM_HORIZON, firstSyncEnded: true });
    expect(await fleet.until(() => fleet.allHeld, 2 * F)).toBeGreaterThan(F - 2_000);
    const gained = new Map(a.events.flatMap((one) => (one.type === 'lease.gained' ? [[one.leaseKey, one]] : [])));
    expect([0, 1, 2, 3, 4].map((number) => gained.get(idOf(number))?.checkpoint)).toEqual([
      'LATEST',
      'AT_TIMESTAMP',
      'TRIM_HORIZON',
      '33:2',
      '44:0',
    ]);
    const resolvedAgo = fleet.clock.wallMillis() - rowOf(0).initialTimestampMillis!;
    expect(resolvedAgo).toBeGreaterThanOrEqual(0);
    expect(resolvedAgo).toBeLessThan(3_000);
    expect(rowOf(1).initialTimestampMillis).toBe(1_700_000_000_000);
    expect(rowOf(2).initialTimestampMillis).toBeUndefined();
  });

  it('is left to a Java worker as long as it renews', async () => {
    for (let number = 0; number < 6; number += 1) fleet.table.putRow(javaRow(number));
    const a = fleet.start('a');
    for (let renewals = 0; renewals < 20; renewals += 1) {
      await fleet.advance(3_308);
      for (const row of fleet.table.rows) fleet.table.putRow({ ...row, leaseCounter: row.leaseCounter + 1 });
    }
    expect(a.keeper.held).toEqual([]);
    expect(fleet.table.rows.every((row) => row.leaseOwner === 'java')).toBe(true);
    expect(fleet.changes.filter(({ name }) => name === 'write' || name === 'createIfAbsent')).toEqual([]);
  });
});

describe('the shards', () => {
  it('that appear while the workers run are leased by the next sync, from their beginning', async () => {
    const shards = [shardOf(0), shardOf(1)];
    fleet = new Fleet({ shards, initialPosition: { type: 'LATEST' } });
    fleet.start('a');
    await fleet.until(() => fleet.allHeld, 5_000);
    shards.push(shardOf(2));
    await fleet.until(() => fleet.allHeld, 62_000);
    expect(rowOf(2)).toMatchObject({ checkpoint: TRIM_HORIZON, firstSyncEnded: true });
  });
});
