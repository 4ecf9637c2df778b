import type { HeirRow } from '../../engine/commit/ended-plan.ts';
import type { ReadHeirRows } from '../../engine/commit/ended-shards.ts';
import type { Lease } from '../../lease/lease.ts';
import type { ConsumerSettings } from '../config/consumer-settings.ts';
import { StreamTables } from './open-tables.ts';

/** What lease rows tell of whether the state of an ended shard is still needed; pure. */
export function heirRowsOf(leases: readonly Lease[]): readonly HeirRow[] {
  return leases.map(({ leaseKey, parentShardIds, childShardIds, hashKeyRange, engineState, engineInherit = [] }) => ({
    shardId: leaseKey,
    parentShardIds,
    childShardIds,
    isHeir: engineInherit.length > 0,
    ...(hashKeyRange === undefined ? {} : { hashKeyRange }),
    ...(engineState === undefined ? {} : { state: engineState }),
  }));
}

/** The lease rows of the streams of an application, for whoever removes what ended shards have left. */
export class HeirRows implements AsyncDisposable {
  readonly #streams: StreamTables;

  constructor(inputs: readonly ConsumerSettings[]) {
    this.#streams = new StreamTables(inputs);
  }

  /** Reads them, all and consistently. */
  readonly read: ReadHeirRows = async (streamName, signal) => {
    const rows: HeirRow[] = [];
    for (const { streamName: name, tables } of this.#streams.all) {
      if (name === streamName) rows.push(...heirRowsOf(await tables.leases(signal)));
    }
    return rows;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#streams[Symbol.asyncDispose]();
  }
}
