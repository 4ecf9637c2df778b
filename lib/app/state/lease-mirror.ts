import { isInitialSentinel } from '../../base/position.ts';
import type { CommitPlace } from '../../engine/commit/commit-place.ts';
import type { ShardProgress } from '../../engine/commit/manifest.ts';
import type { EventSink } from '../../event/bus.ts';
import type { ConsumerSettings } from '../config/consumer-settings.ts';
import { isEnded } from '../../lease/lease.ts';
import { alignRows, endedRows } from './align-rows.ts';
import { StreamTables } from './open-tables.ts';

/** The leases of an application that commits all its shards together, which follow its commits as a mirror. */
export class LeaseMirror implements AsyncDisposable {
  readonly #place: CommitPlace;
  readonly #events: EventSink;
  readonly #streams: StreamTables;

  constructor(place: CommitPlace, inputs: readonly ConsumerSettings[], events: EventSink) {
    this.#place = place;
    this.#events = events;
    this.#streams = new StreamTables(inputs);
  }

  /**
   * Brings the leases back to the last commit where they are further; for the holder of the epoch, before it reads. Before
   * the first commit answers with the leases that are past their beginning, which are of a consumer before this engine, or
   * of state that was given up: the first commit takes them over, all at once. Otherwise a shard that is opened after the
   * first commit would be one that no commit knows.
   * @throws MillraceError as `CommitPlace.logOf`; a fault of a table
   */
  async align(pointer: string | undefined, signal: AbortSignal): Promise<readonly ShardProgress[]> {
    if (pointer === undefined) return this.#begun(signal);
    const where = `the row of application ${this.#place.application}`;
    const { shards = [] } = (await this.#place.manifestOf(pointer, where, signal)) ?? {};
    const events = this.#events;
    for (const { tables, streamName } of this.#streams.all)
      await alignRows({ tables, streamName, shards, events }, signal);
    return [];
  }

  async #begun(signal: AbortSignal): Promise<readonly ShardProgress[]> {
    const begun: ShardProgress[] = [];
    for (const { tables, streamName } of this.#streams.all) {
      for (const lease of await tables.leases(signal)) {
        if (isEnded(lease) || isInitialSentinel(lease.checkpoint)) continue;
        begun.push({ shardId: lease.leaseKey, streamName, position: lease.checkpoint });
      }
    }
    return begun;
  }

  /** Of shards whose end is committed, those whose leases say so, too, or are gone. */
  async confirmEnded(shards: readonly ShardProgress[], signal: AbortSignal): Promise<readonly ShardProgress[]> {
    const confirmed: ShardProgress[] = [];
    for (const { tables, streamName } of this.#streams.all) {
      const own = shards.filter((shard) => shard.streamName === streamName);
      confirmed.push(...(await endedRows(tables, own, signal)));
    }
    return confirmed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#streams[Symbol.asyncDispose]();
  }
}
