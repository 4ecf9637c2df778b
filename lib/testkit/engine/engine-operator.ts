import { KeptRecords } from '../../app/state/kept-records.ts';
import type { RewindTarget } from '../../app/state/rewind-plan.ts';
import { type RewindRequest, type StateAdmin, type StateView, createStateAdmin } from '../../app/state/state-admin.ts';
import type { StateTables } from '../../app/state/state-tables.ts';
import { sleep } from '../../base/clock.ts';
import { MillraceError, isMillraceError } from '../../base/error.ts';
import type { Random } from '../../base/random.ts';
import { FakeEpochTable } from '../fake-epoch-table.ts';
import { between, chance, pick, wholeBetween } from '../fork-random.ts';
import { operatorId } from './books.ts';
import type { EngineWorld } from './engine-world.ts';
import { stateTablesOf } from './state-tables.ts';

/** How likely an operator is cut off after one of the groups. */
const cutOff = 0.2;

/** So long a call takes each way at most: a process may commit several times between what an operator sees and writes. */
const slowestMillis = 300;

/**
 * Somebody who takes an application back while it runs, as `admin.state.rewind` does: all groups or one, some versions back, to
 * a time or to a batch; also forward again, to what an earlier rewind has taken back. Its calls take time, so that processes
 * commit in between, and now and then it is cut off when some groups have moved and others not.
 */
export class EngineOperator {
  readonly #world: EngineWorld;
  readonly #random: Random;
  readonly #onRewind: () => void;
  #cancel: (() => void) | undefined;

  /** `onRewind` is told of each rewind that has moved a group. */
  constructor(world: EngineWorld, random: Random, onRewind: () => void) {
    this.#world = world;
    this.#random = random;
    this.#onRewind = onRewind;
  }

  /** Plans the next rewind, where the seed has drawn any. */
  begin(): void {
    const { setup, clock } = this.#world;
    if (setup.rewindEveryMillis === undefined) return;
    const gapMillis = -Math.log(1 - this.#random.next()) * setup.rewindEveryMillis;
    this.#cancel = clock.timer(gapMillis, () => void this.#rewindThenPlan());
  }

  /** Plans no more; one that is under way goes on. */
  end(): void {
    this.#cancel?.();
  }

  async #rewindThenPlan(): Promise<void> {
    const { tell, fail, isCalm, books } = this.#world;
    const before = books.rewinds;
    try {
      await this.#rewind();
    } catch (thrown) {
      // A version that is not kept any more is refused before anything is written.
      const isExpected = isMillraceError(thrown, 'MR_CONFIG_INVALID') || isMillraceError(thrown, 'MR_ABORTED');
      if (isExpected) tell(operatorId, String(thrown));
      else fail(`a rewind ended with ${String(thrown)}`);
    }
    if (books.rewinds > before) this.#onRewind();
    if (!isCalm()) this.begin();
  }

  async #rewind(): Promise<void> {
    const life = new AbortController();
    const admin = this.#admin(life);
    const request = this.#draw(await admin.inspect());
    if (request === undefined) return;
    this.#world.tell(operatorId, `rewinds ${JSON.stringify(request)}`);
    await admin.rewind(request);
  }

  #draw({ groups }: StateView): RewindRequest | undefined {
    const random = this.#random;
    const group = groups.length === 0 ? undefined : pick(random, groups);
    const first = group?.versions[0];
    if (group === undefined || first === undefined) return undefined;
    // Often the oldest: that is the next one to be removed.
    const { batchId, batchTimeMillis } = chance(random, 0.5) ? first : pick(random, group.versions);
    const isOfShard = group.group !== 'application';
    const to = pick<RewindTarget>(random, [
      { versionsBack: wholeBetween(random, 1, 3) },
      new Date(batchTimeMillis),
      { batchId },
    ]);
    const isAlone = isOfShard && ('batchId' in to || chance(random, 0.3));
    return { to, ...(isAlone ? { shards: [group.group] } : {}) };
  }

  #admin(life: AbortController): StateAdmin {
    const { kinesis, clock, store } = this.#world;
    const random = this.#random;
    const events = { publish: () => {} };
    return createStateAdmin({
      tables: this.#tables(life),
      applicationName: 'app',
      streamName: kinesis.streamName,
      store,
      kept: new KeptRecords({ api: kinesis.connect(operatorId), clock, random, events }),
      random,
      signal: life.signal,
    });
  }

  /** The tables, with calls that take time. Each write may be the last. */
  #tables(life: AbortController): StateTables {
    const { table, epochPlace, notePerform } = this.#world;
    const tables = stateTablesOf(table, new FakeEpochTable(epochPlace));
    const slowly = async <T>(call: () => Promise<T>): Promise<T> => {
      await this.#pause();
      notePerform(operatorId);
      const answer = await call();
      await this.#pause();
      return answer;
    };
    const written = async <T>(call: () => Promise<T>): Promise<T> => {
      const answer = await slowly(call);
      if (chance(this.#random, cutOff)) life.abort(new MillraceError('MR_ABORTED', 'the operator was cut off'));
      return answer;
    };
    return {
      ...tables,
      epochRow: (signal) => slowly(() => tables.epochRow(signal)),
      leases: (signal) => slowly(() => tables.leases(signal)),
      writeEpoch: (row, seen, signal) => written(() => tables.writeEpoch(row, seen, signal)),
      writeLease: (write, signal) => written(() => tables.writeLease(write, signal)),
      createLease: (lease, signal) => written(() => tables.createLease(lease, signal)),
    };
  }

  async #pause(): Promise<void> {
    const millis = between(this.#random, 1, pick(this.#random, [5, 5, 5, slowestMillis]));
    await sleep(this.#world.clock, millis, new AbortController().signal);
  }
}
