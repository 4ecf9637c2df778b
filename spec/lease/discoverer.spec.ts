import { beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../lib/base/clock.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { SHARD_END } from '../../lib/base/position.ts';
import { Discoverer } from '../../lib/lease/discoverer.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import type { LeaseTable } from '../../lib/lease/lease-table.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { type KeeperBench, failoverTimeMillis as F, startKeeper } from './keeper-bench.ts';
import { CallLog, openLease } from './leader-bench.ts';
import { idOf, stream } from './plan/lineage.ts';

const never = new AbortController().signal;

let clock: VirtualClock;
let table: FakeLeaseTable;
let log: CallLog;
let bench: KeeperBench;
let gained: Lease[];
let discoverer: Discoverer;
/** What the owner index answers; the truth unless the test says something else. */
let index: (() => readonly string[] | undefined) | undefined;

beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  log = new CallLog(table, clock);
  gained = [];
  index = undefined;
  bench = startKeeper(table, clock);
  const lagging: LeaseTable = new Proxy<LeaseTable>(table, {
    get(target, property) {
      if (property === 'listKeysOwnedBy') {
        return async (worker: string, signal: AbortSignal) => {
          const keys = await target.listKeysOwnedBy(worker, signal);
          return index === undefined ? keys : index();
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  discoverer = new Discoverer({
    table: lagging,
    keeper: bench.keeper,
    stream,
    workerIdentifier: 'me',
    failoverTimeMillis: F,
    clock,
    onGained: (lease) => void gained.push(lease),
  });
});

function give(number: number, parts: Partial<Lease> = {}): void {
  table.putRow(openLease(number, 8, { leaseOwner: 'me', ...parts }));
}

function look(): Promise<void> {
  return clock.runUntil(discoverer.look(never));
}

const keys = (leases: readonly Lease[]) => leases.map(({ leaseKey }) => leaseKey);

describe('a look', () => {
  it('begins the tenure of every lease that was given to this worker, once, and of no other', async () => {
    for (const number of [0, 1, 2]) give(number);
    give(3, { leaseOwner: 'other' });
    await look();
    expect(keys(gained)).toEqual([0, 1, 2].map(idOf));
    for (const lease of gained) expect(lease.tenure).toBe(lease.leaseCounter);
    await look();
    expect(gained).toHaveLength(3);
    expect(log.timesOf('write')).toHaveLength(3);
  });

  it('costs one question of the index where nothing is new', async () => {
    give(0);
    await look();
    const before = log.sent.length;
    await look();
    expect(log.sent.slice(before).map(({ call }) => call.name)).toEqual(['listKeysOwnedBy']);
  });

  it('also begins leases at SHARD_END: they are renewed until cleanup', async () => {
    give(0, { checkpoint: SHARD_END });
    await look();
    expect(keys(gained)).toEqual([idOf(0)]);
  });

  it('leaves a lease to its old owner until the handoff is complete', async () => {
    give(0, { checkpointOwner: 'old' });
    await look();
    expect(gained).toEqual([]);
    expect(log.timesOf('write')).toEqual([]);
    give(0, { leaseCounter: 5 });
    await look();
    expect(keys(gained)).toEqual([idOf(0)]);
  });

  it('believes the row, not the index: a key that lags behind is not taken', async () => {
    give(0, { leaseOwner: 'other' });
    index = () => [idOf(0), idOf(7)];
    await look();
    expect(gained).toEqual([]);
    expect(log.timesOf('write')).toEqual([]);
  });

  it('goes on over a lease that cannot be begun, and tells', async () => {
    for (const number of [0, 1, 2]) give(number);
    log.fate = (call) => {
      if (call.name === 'get' && call.key === idOf(1))
        throw new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer came');
    };
    await expect(look()).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
    expect(keys(gained)).toEqual([idOf(0), idOf(2)]);
    log.fate = () => {};
    await look();
    expect(keys(gained)).toEqual([idOf(0), idOf(2), idOf(1)]);
  });

  it('waits F/4 for the index, no longer', async () => {
    log.fate = (call) => (call.name === 'listKeysOwnedBy' ? sleep(clock, 100 * F) : undefined);
    await expect(look()).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE', reaction: 'retry' });
    expect(clock.monotonicMillis()).toBe(F / 4);
  });
});

describe('an index that is still being built', () => {
  it('is replaced by a consistent scan', async () => {
    give(0);
    give(1, { leaseOwner: 'other' });
    give(2, { checkpointOwner: 'old' });
    index = () => undefined;
    await look();
    expect(keys(gained)).toEqual([idOf(0)]);
    expect(log.timesOf('scan')).toHaveLength(1);
  });
});

describe('an index that lags', () => {
  it('so that it lacks a lease that this worker holds is replaced by a consistent scan: it may lack new ones too', async () => {
    give(0);
    await look();
    give(1);
    index = () => [];
    await look();
    expect(keys(gained)).toEqual([idOf(0), idOf(1)]);
    expect(log.timesOf('scan')).toHaveLength(1);
  });

  it('is no reason to scan when what it lacks was handed over or released', async () => {
    give(0);
    give(1);
    await look();
    // One is being handed over: the index tells its next owner.
    table.putRow({ ...table.rows[0]!, leaseOwner: 'next', checkpointOwner: 'me' });
    bench.keeper.renewSoon(idOf(0));
    await clock.advance(10);
    const { tenure } = gained[1]!;
    await clock.runUntil(bench.keeper.ask({ type: 'release', leaseKey: idOf(1), tenure: tenure!, to: 'next' }));
    await look();
    expect(log.timesOf('scan')).toEqual([]);
  });
});

describe('a lease of another stream', () => {
  it.each<[string, Partial<Lease>]>([
    ['by its ARN', { streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/other' }],
    ['by the time of its creation', { streamCreatedAtMillis: stream.streamCreatedAtMillis - 1 }],
  ])('%s ends the look with an error that names it, and is not read', async (_, parts) => {
    give(0, parts);
    await expect(look()).rejects.toMatchObject({ code: 'MR_STREAM_CHANGED', subject: { lease: idOf(0) } });
    expect(gained).toEqual([]);
  });

  it('is no other when Java made the row: it names none', async () => {
    const { streamArn: _, streamCreatedAtMillis: __, ...java } = openLease(0, 8, { leaseOwner: 'me' });
    table.putRow(java);
    await look();
    expect(keys(gained)).toEqual([idOf(0)]);
  });
});

describe('begin', () => {
  it('at the moment of the gift is not repeated by a look at the same time', async () => {
    give(0);
    log.fate = () => sleep(clock, 20);
    await clock.runUntil(Promise.all([discoverer.begin(idOf(0), never), discoverer.look(never)]));
    expect(keys(gained)).toEqual([idOf(0)]);
  });

  it('of a lease that went elsewhere meanwhile tells nothing', async () => {
    give(0, { leaseOwner: 'other' });
    await clock.runUntil(discoverer.begin(idOf(0), never));
    expect(gained).toEqual([]);
  });
});
