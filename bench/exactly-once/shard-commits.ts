import { linkedController } from '../../lib/base/abort.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { deferred } from '../../lib/base/service.ts';
import { CommitPlace } from '../../lib/engine/commit/commit-place.ts';
import { codecsOf } from '../../lib/engine/commit/plan-codecs.ts';
import { EngineContext } from '../../lib/engine/context.ts';
import { type BatchPlanEngine, createEngine } from '../../lib/engine/engine.ts';
import { memoryState } from '../../lib/engine/state-store.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { createPollingReader } from '../../lib/kinesis/polling-reader.ts';
import { chooseAssignmentPlan } from '../../lib/lease/plan/assignment-plan.ts';
import type { LeaseWrite } from '../../lib/lease/lease-write.ts';
import { Receiver } from '../../lib/receiver/receiver.ts';
import { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { FakeObjectStore } from '../../lib/testkit/fake-object-store.ts';
import { defaultSettings } from '../../lib/testkit/fleet-options.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { type Writes, application, counting } from './commits.ts';

class CountingLeases extends FakeLeaseTable {
  readonly #writes: Writes;

  constructor(writes: Writes) {
    super();
    this.#writes = writes;
  }

  override write(write: LeaseWrite, signal: AbortSignal): ReturnType<FakeLeaseTable['write']> {
    this.#writes.dynamo += 1;
    return super.write(write, signal);
  }
}

const streamName = 'lines';
const batchIntervalMillis = 1_000;
/** A record comes so often; every batch has some. */
const putEveryMillis = 100;

/**
 * What a commit of one shard writes, with a receiver that holds its lease, reads, renews and checkpoints as in production, on
 * virtual time: every write of the row counts, heartbeats too.
 */
export async function countShardWrites(isPlanned: boolean, commits: number): Promise<Writes> {
  const clock = new VirtualClock();
  const kinesis = new FakeKinesis({ clock, streamName, latencyMillis: 5 });
  const writes: Writes = { dynamo: 0, state: 0 };
  const store = counting(new FakeObjectStore(), writes);
  const context = new EngineContext({ batchIntervalMillis, state: memoryState() });
  context
    .addInput(streamName)
    .keyByPartitionKey()
    .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
    .foreachBatch(() => {}, { repeatable: isPlanned, guarantee: 'idempotent' });
  const plan = context.seal();
  const random = seededRandom(1);
  const events = new EventBus();
  let committed = 0;
  events.subscribe((event) => {
    if (event.type === 'batch.step' && event.step === 'committed') committed += 1;
  });
  const api = kinesis.connect('bench');
  const engine = deferred<BatchPlanEngine>();
  const receiver = new Receiver({
    api,
    reader: createPollingReader({ api, streamName, clock, random, events, idleTimeBetweenReadsInMillis: 250 }),
    table: new CountingLeases(writes),
    plan: chooseAssignmentPlan('LEASE_COUNT_BASED'),
    clock,
    random,
    events,
    settings: { ...defaultSettings, workerIdentifier: 'bench' },
    open: async (shard, source, signal) => (await engine.promise).open(shard, source, signal),
  });
  const place = new CommitPlace({ store, application, scope: 'shard', codecs: codecsOf(plan), random });
  const made = createEngine({ plan, source: receiver, clock, random, events, commits: { place } });
  engine.resolve(made);
  using life = linkedController();
  const runs = Promise.allSettled([receiver.run(life.signal), made.run(life.signal)]);
  const put = () => void kinesis.put('key', 'a line');
  const untilCommitted = async (count: number) => {
    for (const from = committed; committed < from + count;) {
      put();
      await clock.advance(putEveryMillis);
    }
  };
  // The first ones write down what the group begins with.
  await untilCommitted(3);
  const before = { ...writes, committed };
  await untilCommitted(commits);
  const counted = committed - before.committed;
  const perCommit = {
    dynamo: (writes.dynamo - before.dynamo) / counted,
    state: (writes.state - before.state) / counted,
  };
  life.abort(new Error('counted'));
  await clock.runUntil(runs);
  return perCommit;
}
