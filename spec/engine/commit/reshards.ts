import { seekWithState } from '../../../lib/app/state/seek-state.ts';
import { createStateAdmin } from '../../../lib/app/state/state-admin.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { stateTablesOf } from '../../../lib/testkit/engine/state-tables.ts';
import { FakeEpochTable } from '../../../lib/testkit/fake-epoch-table.ts';
import { hashKeyOf } from '../../../lib/testkit/hash-key.ts';
import { EngineFleet } from './engine-fleet.ts';

const { signal } = new AbortController();

/** A stream that is resharded while its keys are counted. */
export class Reshards {
  readonly fleet = new EngineFleet();
  /** What every group showed last. */
  readonly shown = new Map<string, ReadonlyMap<string, number>>();
  readonly #put = new Map<string, number>();

  readonly program = (stream: DStream<KinesisRecord>): void => {
    stream
      .keyByPartitionKey()
      .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
      .foreachBatch((batch, { group }) => void this.shown.set(group, new Map(batch.collect())));
  };

  readonly programOfAll = (stream: DStream<KinesisRecord>): void => {
    stream
      .mapToPair((record) => [record.partitionKey, record])
      .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
      .foreachBatch((batch, { group }) => void this.shown.set(group, new Map(batch.collect())));
  };

  start(scope: 'shard' | 'application' = 'shard', retainedVersions = 10) {
    const program = scope === 'shard' ? this.program : this.programOfAll;
    return this.fleet.startEngine(program, { scope, retainedVersions });
  }

  /** Whoever works on the state from outside. */
  get admin() {
    return createStateAdmin(this.#options);
  }

  /** Moves shards to their oldest records, with no state. */
  seek(only: readonly string[], { dryRun }: { readonly dryRun: boolean }) {
    const { table, kinesis } = this.fleet;
    const { streamArn = '', streamCreatedAtMillis = 0 } = table.rows[0] ?? {};
    const stream = { streamArn, streamCreatedAtMillis };
    const seek = { table, stream, shards: kinesis.shards, target: { type: 'TRIM_HORIZON' }, only, dryRun } as const;
    return seekWithState({ ...this.#options, seek, state: 'EMPTY' }, signal);
  }

  get #options() {
    const { table, epochPlace, store, kinesis } = this.fleet;
    return {
      tables: stateTablesOf(table, new FakeEpochTable(epochPlace)),
      applicationName: 'app',
      streamName: kinesis.streamName,
      store,
      kept: { since: async () => new Map<string, number>() },
      random: seededRandom(7),
      signal,
    };
  }

  /** Records so far. */
  get puts(): number {
    return [...this.#put.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The shards of which the store has objects. */
  async kept(): Promise<readonly string[]> {
    const names = await this.fleet.store.list('app/', signal);
    return [...new Set(names.map((name) => name.split('/')[1] as string))].toSorted();
  }

  rowOf(shardId: string) {
    return this.fleet.table.rows.find(({ leaseKey }) => leaseKey === shardId);
  }

  /** Puts a record into each of some shards every second, for so many seconds or until it is so. */
  async feed(shardIds: readonly string[], isDone: number | (() => Promise<boolean>)): Promise<void> {
    for (let second = 0; second < 600; second += 1) {
      if (typeof isDone === 'number' ? second >= isDone : await isDone()) return;
      for (const shardId of shardIds) this.#putInto(shardId);
      await this.fleet.clock.advance(1_000);
    }
    throw new Error(`not so after 600 seconds; kept: ${(await this.kept()).join(', ')}`);
  }

  /** What of the records is not counted exactly once by the groups that are read, when all is. */
  async wrong(): Promise<unknown> {
    const differences = () => {
      const open = new Set<string>(['application', ...this.fleet.kinesis.openShards.map(({ shardId }) => shardId)]);
      const counts = new Map([...this.shown].flatMap(([group, tally]) => (open.has(group) ? [...tally] : [])));
      return [...this.#put].filter(([key, count]) => counts.get(key) !== count);
    };
    await this.fleet.clock.runUntil(() => differences().length === 0, { atMostMillis: 120_000 }).catch(() => {});
    return differences();
  }

  #putInto(shardId: string): void {
    const shard = this.fleet.kinesis.openShards.find((one) => one.shardId === shardId);
    if (shard === undefined) throw new Error(`${shardId} is not open`);
    for (let number = 0; ; number += 1) {
      const key = `key ${number}`;
      const hash = hashKeyOf(key);
      if (hash < BigInt(shard.startingHashKey) || hash > BigInt(shard.endingHashKey)) continue;
      this.fleet.kinesis.put(key, 'x');
      this.#put.set(key, (this.#put.get(key) ?? 0) + 1);
      return;
    }
  }
}
