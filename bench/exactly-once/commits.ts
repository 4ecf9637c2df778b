import { systemClock } from '../../lib/base/clock.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { CommitGroups } from '../../lib/engine/commit/commit-groups.ts';
import type { CommitLine } from '../../lib/engine/commit/commit-line.ts';
import { CommitPlace } from '../../lib/engine/commit/commit-place.ts';
import { type Epoch, EpochKeeper } from '../../lib/engine/commit/epoch-keeper.ts';
import type { EpochRow } from '../../lib/engine/commit/epoch-table.ts';
import type { Plan } from '../../lib/engine/plan.ts';
import { FileStore } from '../../lib/engine/store/file-store.ts';
import type { ObjectStore } from '../../lib/engine/store/object-store.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { EpochPlace, FakeEpochTable } from '../../lib/testkit/fake-epoch-table.ts';

/** The name of the application that is measured. */
export const application = 'bench';

/** How often what is outside was written to. */
export interface Writes {
  /** Writes of the row that says what is committed: of the application, or the lease of a shard. */
  dynamo: number;
  /** Objects that were created in the store. */
  state: number;
}

/** A store in a folder that counts what is created in it. */
export function countingStore(folder: string, writes: Writes): ObjectStore {
  return counting(new FileStore(folder), writes);
}

/** A store that counts what is created in it. */
export function counting(store: ObjectStore, writes: Writes): ObjectStore {
  return {
    location: store.location,
    isDurable: true,
    create: (name, bytes, signal) => {
      writes.state += 1;
      return store.create(name, bytes, signal);
    },
    read: (name, signal) => store.read(name, signal),
    list: (prefix, signal) => store.list(prefix, signal),
    remove: (name, signal) => store.remove(name, signal),
  };
}

class CountingTable extends FakeEpochTable {
  readonly #writes: Writes;

  constructor(writes: Writes) {
    super(new EpochPlace());
    this.#writes = writes;
  }

  override write(...args: [EpochRow, EpochRow | undefined, AbortSignal]): ReturnType<FakeEpochTable['write']> {
    this.#writes.dynamo += 1;
    return super.write(...args);
  }
}

/** Where the state of a plan is committed. */
export function placeOf(plan: Plan, store: ObjectStore): CommitPlace {
  const codecs = new Map(plan.keepers.map((node) => [plan.stateKeys.get(node.id) as string, node.persistence]));
  return new CommitPlace({ store, application, scope: 'application', codecs, random: seededRandom(1) });
}

/** What a plan of `application` scope commits with: the epoch is held, and its row counts what is written. */
export async function commitsOf(
  plan: Plan,
  store: ObjectStore,
  writes: Writes,
): Promise<{ readonly line: CommitLine; readonly epoch: Epoch }> {
  const events = new EventBus();
  const { signal } = new AbortController();
  const epoch = await new EpochKeeper({
    table: new CountingTable(writes),
    applicationName: application,
    workerIdentifier: 'bench',
    failoverTimeMillis: 3_600_000,
    clock: systemClock,
    random: seededRandom(1),
    events,
  }).acquire(signal);
  const place = placeOf(plan, store);
  const groups = new CommitGroups({ place, epoch, events, zeroTimeMillis: () => 0, isPlacedByKey: false });
  const line = await groups.ofApplication('application', signal);
  Object.assign(writes, { dynamo: 0, state: 0 });
  return { line, epoch };
}
