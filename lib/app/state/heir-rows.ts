import { systemClock } from '../../base/clock.ts';
import type { HeirRow } from '../../engine/commit/ended-plan.ts';
import type { ReadHeirRows } from '../../engine/commit/ended-shards.ts';
import type { Lease } from '../../lease/lease.ts';
import { clientsOf } from '../assembly.ts';
import type { ConsumerSettings } from '../config/consumer-settings.ts';
import { openStateTables } from './open-tables.ts';

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
  readonly #streams;

  constructor(inputs: readonly ConsumerSettings[]) {
    this.#streams = inputs.map((settings) => {
      const clients = clientsOf(settings);
      return { streamName: settings.streamName, clients, tables: openStateTables(clients, settings, systemClock) };
    });
  }

  /** Reads them, all and consistently. */
  readonly read: ReadHeirRows = async (streamName, signal) => {
    const rows: HeirRow[] = [];
    for (const { streamName: name, tables } of this.#streams) {
      if (name === streamName) rows.push(...heirRowsOf(await tables.leases(signal)));
    }
    return rows;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { clients } of this.#streams) clients.destroy();
  }
}
