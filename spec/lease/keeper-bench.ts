import { seededRandom } from '../../lib/base/random.ts';
import { EventBus } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import type { LeaseLost } from '../../lib/lease/keeper-messages.ts';
import type { LeaseKeeperOptions } from '../../lib/lease/keeper-options.ts';
import { LeaseKeeper } from '../../lib/lease/lease-keeper.ts';
import type { Lease, WorkerRow } from '../../lib/lease/lease.ts';
import { TRIM_HORIZON } from '../../lib/base/position.ts';
import type { LeaseWrite } from '../../lib/lease/lease-write.ts';
import type { AfterCall, FakeLeaseTable, LeaseTableCall } from '../../lib/testkit/fake-lease-table.ts';
import type { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

/** F of the tests, milliseconds. */
export const failoverTimeMillis = 10_000;

/** A keeper that runs, and what it has told. */
export interface KeeperBench {
  readonly keeper: LeaseKeeper;
  readonly lost: readonly LeaseLost[];
  readonly events: readonly MillraceEvent[];
  /** The error with which the run has ended, when it has. */
  readonly fault: () => unknown;
  /** Stops the loop, as the end of a process would; what is on its way stays on its way. */
  kill(): void;
  readonly ended: Promise<void>;
}

/** Starts a keeper on a table that others may share. */
export function startKeeper(
  table: LeaseKeeperOptions['table'],
  clock: VirtualClock,
  options: Partial<LeaseKeeperOptions> = {},
): KeeperBench {
  const bus = new EventBus();
  const events: MillraceEvent[] = [];
  const lost: LeaseLost[] = [];
  bus.subscribe((event) => events.push(event));
  const keeper = new LeaseKeeper({
    table,
    workerIdentifier: 'me',
    failoverTimeMillis,
    clock,
    random: seededRandom(7),
    events: bus,
    serviceTimeMillis: () => clock.wallMillis() + 5_000,
    initialPosition: { type: 'TRIM_HORIZON' },
    onHandoff: () => {},
    onLost: (one) => lost.push(one),
    ...options,
  });
  const end = new AbortController();
  let fault: unknown;
  const ended = keeper.run(end.signal).catch((thrown: unknown) => {
    fault = thrown;
  });
  return { keeper, lost, events, fault: () => fault, kill: () => end.abort(new Error('killed')), ended };
}

/** A lease that the table gives to a worker, with nothing read. */
export function givenLease(leaseOwner: string, leaseKey = 'shardId-000000000000'): Lease {
  return {
    leaseKey,
    leaseCounter: 1,
    leaseOwner,
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint: TRIM_HORIZON,
    parentShardIds: [],
    childShardIds: [],
  };
}

/** The row of a worker that measures nothing; without `reportCounter` it is a Java worker's. */
export function workerRow(workerIdentifier: string, parts: Partial<WorkerRow> = {}): WorkerRow {
  return { workerIdentifier, lastUpdateSeconds: 1, exclusive: false, metrics: {}, operatingRange: {}, ...parts };
}

/** What becomes of one intercepted write. */
export type WriteFate = (write: LeaseWrite) => Promise<AfterCall | void> | AfterCall | void;

/** Lets the writes through which the predicate does not choose, and the others have a fate. */
export function onWrites(table: FakeLeaseTable, chosen: (write: LeaseWrite) => boolean, fate: WriteFate): void {
  table.intercept = (call: LeaseTableCall) => {
    if (call.name === 'write' && chosen(call.write)) return fate(call.write);
    return undefined;
  };
}
