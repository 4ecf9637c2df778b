import { seededRandom } from '../../lib/base/random.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import type { Shard } from '../../lib/kinesis/shard.ts';
import { LeaderElector } from '../../lib/lease/leader-elector.ts';
import { LeadershipLoop } from '../../lib/lease/leadership-loop.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { type AssignmentPlan, defaultAssignmentOptions } from '../../lib/lease/plan/utilization-types.ts';
import { planLeaseCountBased } from '../../lib/lease/plan/lease-count-plan.ts';
import type { InitialPosition } from '../../lib/lease/plan/shard-sync-plan.ts';
import { ShardSyncer } from '../../lib/lease/shard-syncer.ts';
import type { FakeLeaseTable, LeaseTableCall } from '../../lib/testkit/fake-lease-table.ts';
import type { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { openShards } from './fleet.ts';
import { failoverTimeMillis, givenLease } from './keeper-bench.ts';
import { stream } from './plan/lineage.ts';

/** One call that was sent, and when. */
export interface SentCall {
  readonly call: LeaseTableCall;
  readonly atMillis: number;
}

/** What becomes of a call; nothing special by default. */
export type CallFate = (call: LeaseTableCall) => ReturnType<FakeLeaseTable['intercept']>;

/** Notes all calls of a table, with their times. */
export class CallLog {
  readonly sent: SentCall[] = [];
  /** Set to delay or fail calls. */
  fate: CallFate = () => {};

  constructor(table: FakeLeaseTable, clock: VirtualClock) {
    table.intercept = (call) => {
      this.sent.push({ call, atMillis: clock.monotonicMillis() });
      return this.fate(call);
    };
  }

  /** The times at which calls of a name were sent. */
  timesOf(name: LeaseTableCall['name']): readonly number[] {
    return this.sent.filter(({ call }) => call.name === name).map(({ atMillis }) => atMillis);
  }

  /** The writes of leases, as `time key>owner`. */
  get assigns(): readonly string[] {
    return this.sent.flatMap(({ call, atMillis }) =>
      call.name === 'write' ? [`${atMillis} ${call.write.leaseKey}>${call.write.set.leaseOwner ?? '-'}`] : [],
    );
  }
}

/** A leader without leases of its own: its election and its loop. */
export class LeaderBench {
  readonly elector: LeaderElector;
  readonly loop: LeadershipLoop;
  readonly events: MillraceEvent[] = [];
  /** Times at which the stream's shards were listed. */
  readonly listings: number[] = [];
  readonly givenToMe: string[] = [];
  readonly handedFromMe: string[] = [];
  fault: unknown;
  readonly #end = new AbortController();

  constructor(
    table: FakeLeaseTable,
    clock: VirtualClock,
    parts: { readonly name?: string; readonly plan?: AssignmentPlan; readonly shards?: readonly Shard[] } = {},
  ) {
    const { name = 'leader', plan = planLeaseCountBased, shards = openShards(1) } = parts;
    const events = { publish: (event: MillraceEvent) => void this.events.push(event) };
    const common = {
      table,
      clock,
      random: seededRandom(name.length),
      events,
      workerIdentifier: name,
      failoverTimeMillis,
    };
    this.elector = new LeaderElector({ ...common, mayLead: () => true, onChange: () => this.loop.wake() });
    const initialPosition: InitialPosition = { type: 'TRIM_HORIZON' };
    this.loop = new LeadershipLoop({
      ...common,
      plan,
      assignment: { ...defaultAssignmentOptions, failoverTimeMillis },
      elector: this.elector,
      onScanned: () => Promise.resolve(),
      stream,
      syncer: new ShardSyncer({
        ...common,
        stream,
        initialPosition,
        listShards: () => {
          this.listings.push(clock.monotonicMillis());
          return Promise.resolve(shards);
        },
        serviceTimeMillis: () => clock.wallMillis(),
      }),
      onGivenToMe: (leaseKey) => {
        this.givenToMe.push(leaseKey);
        return Promise.resolve();
      },
      onHandoffFromMe: (leaseKey) => void this.handedFromMe.push(leaseKey),
    });
  }

  run(): this {
    const { signal } = this.#end;
    const running = Promise.all([this.elector.run(signal), this.loop.run(signal)]);
    running.catch((thrown: unknown) => (this.fault = thrown));
    return this;
  }

  halt(): void {
    this.#end.abort(new Error('halted'));
  }
}

/** An open lease of the stream, with the hash range of its number among `count`. */
export function openLease(number: number, count: number, parts: Partial<Lease> = {}): Lease {
  const { shardId, startingHashKey, endingHashKey } = openShards(count)[number]!;
  const { leaseOwner: _, ...rest } = givenLease('', shardId);
  return { ...rest, ...stream, firstSyncEnded: true, hashKeyRange: { startingHashKey, endingHashKey }, ...parts };
}
