import { MergeShardsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis';
import { systemClock } from '../../../lib/base/clock.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import type { KinesisApi } from '../../../lib/kinesis/kinesis-api.ts';
import { type Shard, isOpen } from '../../../lib/kinesis/shard.ts';
import { listAllShards } from '../../../lib/kinesis/shard-lister.ts';
import { createTestStream, waitForStreamStatus } from '../../support/local-stack.ts';
import { type Services, harnessClients } from './services.ts';

/** A stream under the hands of the harness. */
export class StreamControl implements Disposable {
  readonly streamName: string;
  readonly api: KinesisApi;
  readonly #clients: ReturnType<typeof harnessClients>;
  #shards: readonly Shard[] = [];

  private constructor(streamName: string, services: Services) {
    this.streamName = streamName;
    this.#clients = harnessClients(services);
    const events = new EventBus();
    this.api = createAwsKinesis({ client: this.#clients.kinesis, stream: { streamName }, clock: systemClock, events });
  }

  /** Makes a stream. */
  static async create(services: Services, streamName: string, shards: number): Promise<StreamControl> {
    await createTestStream(services.kinesisEndpoint, streamName, shards);
    const control = new StreamControl(streamName, services);
    await control.#list();
    return control;
  }

  /** All shards, as of the last change. */
  get shards(): readonly Shard[] {
    return this.#shards;
  }

  get openShards(): readonly Shard[] {
    return this.#shards.filter(isOpen);
  }

  /** Splits an open shard in the middle. */
  async split(shardId: string): Promise<void> {
    const shard = this.#shards.find((one) => one.shardId === shardId);
    if (shard === undefined) throw new Error(`there is no shard ${shardId}`);
    const middle = (BigInt(shard.startingHashKey) + BigInt(shard.endingHashKey) + 1n) / 2n;
    const { streamName: StreamName } = this;
    const request = { StreamName, ShardToSplit: shardId, NewStartingHashKey: middle.toString() };
    await this.#change(() => this.#clients.kinesis.send(new SplitShardCommand(request)));
  }

  /** Merges two neighbours. */
  async merge(shardId: string, neighbour: string): Promise<void> {
    const { streamName: StreamName } = this;
    const request = { StreamName, ShardToMerge: shardId, AdjacentShardToMerge: neighbour };
    await this.#change(() => this.#clients.kinesis.send(new MergeShardsCommand(request)));
  }

  async #change(change: () => Promise<unknown>): Promise<void> {
    await change();
    await waitForStreamStatus(this.#clients.kinesis, this.streamName, 'ACTIVE');
    await this.#list();
  }

  async #list(): Promise<void> {
    const { signal } = new AbortController();
    this.#shards = await listAllShards({ api: this.api, clock: systemClock, random: seededRandom(1), signal });
  }

  [Symbol.dispose](): void {
    this.#clients.destroy();
  }
}
