import { beforeEach, describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { positionOf } from '../../lib/base/position.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import type { LeaseLost } from '../../lib/lease/keeper-messages.ts';
import { Heartbeat } from '../../lib/lease/thread/heartbeat.ts';
import { KeeperHost } from '../../lib/lease/thread/keeper-host.ts';
import { ThreadKeeper } from '../../lib/lease/thread/thread-keeper.ts';
import type { FromKeeperThread } from '../../lib/lease/thread/thread-messages.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { failoverTimeMillis as F, givenLease } from './keeper-bench.ts';

const never = new AbortController().signal;
const { leaseKey } = givenLease('me');

let clock: VirtualClock;
let table: FakeLeaseTable;
let keeper: ThreadKeeper;
let lost: LeaseLost[];
let events: MillraceEvent[];
let end: AbortController;
let breakLink: (fault: MillraceError) => void;
/** While the main thread stands still, what the other one tells waits here. */
let waiting: FromKeeperThread[] | undefined;
let deliver: (message: FromKeeperThread) => void;

/** The two threads in one, with the messages between them copied as a port copies them. */
beforeEach(() => {
  clock = new VirtualClock();
  table = new FakeLeaseTable();
  table.putRow(givenLease('me'));
  [lost, events, waiting, end] = [[], [], undefined, new AbortController()];
  const heartbeat = new Heartbeat();
  const host = new KeeperHost({
    table,
    workerIdentifier: 'me',
    failoverTimeMillis: F,
    initialPosition: { type: 'TRIM_HORIZON' },
    stalledAfterMillis: 300_000,
    onStall: 'RELEASE',
    heartbeat,
    clock,
    random: seededRandom(7),
    post: (message) => {
      const copy = structuredClone(message);
      if (waiting === undefined) queueMicrotask(() => deliver(copy));
      else waiting.push(copy);
    },
  });
  keeper = new ThreadKeeper({
    link: {
      send: (message) => queueMicrotask(() => host.take(structuredClone(message))),
      listen: (onMessage, onBroken) => {
        deliver = onMessage;
        breakLink = onBroken;
      },
    },
    heartbeat,
    stalledAfterMillis: 300_000,
    clock,
    events: { publish: (event) => void events.push(event) },
    serviceTimeMillis: () => 1,
    onLost: (one) => lost.push(one),
    onHandoff: () => {},
  });
});

async function begin(): Promise<number> {
  const lease = await clock.runUntil(keeper.begin(leaseKey, never));
  return lease!.tenure!;
}

describe('a keeper in a thread of its own', () => {
  it('is certain for as long as the thread renews, whether or not the main thread hears of it', async () => {
    const tenure = await begin();
    void keeper.run(end.signal).catch(() => {});
    await clock.advance(1);
    waiting = [];
    await clock.advance(2 * F);
    expect(keeper.confirmCurrent(leaseKey, tenure)).toBe(true);
    expect(table.rows[0]!.leaseCounter).toBeGreaterThan(tenure + 3);
  });

  it('knows of a loss before it is told of it', async () => {
    const tenure = await begin();
    void keeper.run(end.signal).catch(() => {});
    await clock.advance(1);
    waiting = [];
    table.putRow({ ...table.rows[0]!, leaseOwner: 'other', leaseCounter: 99, tenure: 99 });
    await clock.advance(F / 2);
    expect(lost).toEqual([]);
    expect(keeper.confirmCurrent(leaseKey, tenure)).toBe(false);
    for (const message of waiting.splice(0)) deliver(message);
    expect(lost).toEqual([{ leaseKey, tenure, reason: 'taken' }]);
    expect(events.filter(({ type }) => type === 'lease.lost')).toHaveLength(1);
  });

  it('loses at a hand-over what was not confirmed within F of the request, once, in both threads', async () => {
    const tenure = await begin();
    // The loop of the thread does not run: nothing renews.
    await clock.advance(F - 1);
    expect(keeper.confirmCurrent(leaseKey, tenure)).toBe(true);
    await clock.advance(2);
    expect(keeper.confirmCurrent(leaseKey, tenure)).toBe(false);
    expect(lost).toEqual([{ leaseKey, tenure, reason: 'expired' }]);
    expect(keeper.held).toEqual([]);
    await clock.advance(1);
    expect(lost).toHaveLength(1);
    // It was dropped there too: the row is still this worker's, so a new tenure may begin.
    expect(await begin()).toBeGreaterThan(tenure);
  });

  it('hands nothing out of a lease whose release is under way, and writes checkpoints under the fence', async () => {
    const tenure = await begin();
    const checkpoint = positionOf('7');
    const asked = keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint });
    expect(await clock.runUntil(asked)).toBe('applied');
    expect(table.rows[0]).toMatchObject({ checkpoint, tenure });
    const released = keeper.ask({ type: 'release', leaseKey, tenure });
    expect(keeper.confirmCurrent(leaseKey, tenure)).toBe(false);
    expect(await clock.runUntil(released)).toBe('applied');
    expect(keeper.held).toEqual([]);
    expect(await clock.runUntil(keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint }))).toBe('lost');
  });

  it('tells a fault as it was, and one of the thread itself to all that wait', async () => {
    const tenure = await begin();
    table.intercept = () => {
      throw new MillraceError('MR_ACCESS_DENIED', 'no', { subject: { table: 't' } });
    };
    const run = keeper.run(end.signal);
    run.catch(() => {});
    const asked = keeper.ask({ type: 'checkpoint', leaseKey, tenure, checkpoint: positionOf('7') });
    const denied = {
      code: 'MR_ACCESS_DENIED',
      message: 'MR_ACCESS_DENIED: no',
      reaction: 'fatal',
      subject: { table: 't' },
    };
    await expect(clock.runUntil(asked)).rejects.toMatchObject(denied);
    await expect(clock.runUntil(run)).rejects.toMatchObject(denied);
    waiting = [];
    const unheard = keeper.begin('another', never);
    breakLink(new MillraceError('MR_INTERNAL', 'gone', { reaction: 'restart' }));
    await expect(unheard).rejects.toMatchObject({ code: 'MR_INTERNAL' });
    await expect(keeper.begin('a third', never)).rejects.toMatchObject({ code: 'MR_INTERNAL' });
  });
});
