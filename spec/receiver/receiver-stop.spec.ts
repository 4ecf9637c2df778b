import { describe, expect, it } from 'vitest';
import type { LeaseTable } from '../../lib/lease/lease-table.ts';
import type { LeaseWrite } from '../../lib/lease/lease-write.ts';
import { Fleet, type Worker } from './fleet.ts';

type Name = keyof LeaseTable;

const shard0 = 'shardId-000000000000';
const never = new AbortController().signal;

/** A table whose requests take time on their way, whatever becomes of their signals; and those that are under way. */
class SlowTable {
  readonly underWay: Name[] = [];
  calls = 0;
  /** How long the requests of a name take from now on. */
  slowMillis: (name: Name, args: readonly unknown[]) => number = () => 0;
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  readonly of = (table: LeaseTable): LeaseTable =>
    new Proxy(table, {
      get: (target, name: Name) => {
        const call = target[name].bind(target) as (...args: readonly unknown[]) => Promise<unknown>;
        return async (...args: readonly unknown[]) => {
          this.calls += 1;
          this.underWay.push(name);
          try {
            const millis = this.slowMillis(name, args);
            if (millis > 0) await new Promise<void>((resolve) => void this.#fleet.clock.timer(millis, resolve));
            // What is on its way arrives, also when nobody waits for the answer any more.
            return await call(...args.map((arg) => (arg instanceof AbortSignal ? never : arg)));
          } finally {
            this.underWay.splice(this.underWay.indexOf(name), 1);
          }
        };
      },
    });
}

async function started(): Promise<{ fleet: Fleet; table: SlowTable; worker: Worker }> {
  const fleet = new Fleet({ shardCount: 2 });
  const table = new SlowTable(fleet);
  fleet.put(10);
  const worker = fleet.start('a', { table: table.of });
  await fleet.clock.runUntil(() => fleet.isCheckpointed && fleet.allDelivered);
  return { fleet, table, worker };
}

const ways: readonly (readonly [string, (worker: Worker) => Promise<unknown>])[] = [
  ['stop', (worker) => worker.receiver.stop()],
  ['drain', (worker) => worker.drain()],
];

describe.each(ways)('the %s of a receiver', (_, end) => {
  it('waits for what its loops have under way, and nothing of it is heard afterwards', async () => {
    // At any moment of the loops, each of which has something under way most of the time.
    for (let millis = 0; millis < 2_000; millis += 230) {
      const { fleet, table, worker } = await started();
      table.slowMillis = () => 700;
      await fleet.clock.advance(3_000 + millis);
      await fleet.clock.runUntil(() => table.underWay.length > 1);
      let atEnd: readonly Name[] | undefined;
      await fleet.clock.runUntil(end(worker).then(() => (atEnd = [...table.underWay])));
      expect(atEnd).toEqual([]);
      const { calls } = table;
      const events = worker.events.length;
      await fleet.clock.advance(30_000);
      expect([table.calls, worker.events.length]).toEqual([calls, events]);
    }
  });

  it('gives back also a lease that is being assigned to it: nobody would read it before it expires', async () => {
    const { fleet, table, worker } = await started();
    let isAssigning = false;
    table.slowMillis = (name, [write]) => {
      const isAssign = name === 'write' && (write as LeaseWrite).set.leaseOwner === 'a';
      isAssigning ||= isAssign;
      return isAssign ? 1_500 : 0;
    };
    fleet.kinesis.split(shard0);
    await fleet.clock.runUntil(() => isAssigning);
    await fleet.clock.runUntil(end(worker));
    await fleet.clock.advance(5_000);
    expect(Object.values(fleet.owners)).toEqual(['', '', '', '']);
  });
});

it('a receiver that finds another process of its name ends only when its loops have ended, too', async () => {
  const { fleet, table, worker } = await started();
  const second = fleet.start('a');
  table.slowMillis = () => 700;
  let atEnd: readonly Name[] | undefined;
  await fleet.clock.runUntil(
    worker.ended.then(() => (atEnd = [...table.underWay])),
    { atMostMillis: 60_000 },
  );
  expect(worker.outcome).toMatchObject({ code: 'MR_WORKER_DUPLICATE' });
  expect(atEnd).toEqual([]);
  const { calls } = table;
  await fleet.clock.advance(30_000);
  expect(table.calls).toBe(calls);
  expect(second.hasEnded).toBe(false);
});
