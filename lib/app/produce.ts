import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import type { PutEntry } from '../kinesis/kinesis-api.ts';
import { createProducer } from '../kinesis/producer.ts';
import { type StreamOnlyOptions, openWithoutLeases } from './without-leases.ts';

export type { PutEntry } from '../kinesis/kinesis-api.ts';

/** What is put, and how. */
export interface ProduceOptions extends StreamOnlyOptions {
  /** Puts many entries in one record, in the format of the KPL: false. */
  readonly aggregate?: boolean;
  /** Entries that are put together; one group after the other. */
  readonly groups: AsyncIterable<readonly PutEntry[]>;
  /** Hears of each group that has arrived: how many entries, and bytes of data. */
  readonly onPut?: (figures: ProduceFigures) => void;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}

/** What was put so far. */
export interface ProduceFigures {
  readonly records: number;
  /** Of data, without partition keys. */
  readonly bytes: number;
}

/**
 * Puts entries into a stream. What Kinesis refuses for its limits is offered again, so a record may land after a later one of
 * its group; a call without an answer is repeated, so a record may be in the stream twice. Resolves when all have arrived.
 * @throws MillraceError `MR_CONFIG_UNKNOWN`, `MR_CONFIG_INVALID`, `MR_STREAM_NOT_FOUND`, `MR_THROTTLED` for records that
 * were refused again and again, what the calls throw, and what `groups` throws
 */
export async function produceStream(options: ProduceOptions): Promise<ProduceFigures> {
  const { aggregate = false, groups, onPut, signal, ...given } = options;
  const { api, clients, events } = openWithoutLeases('millrace-produce', given);
  const ports = { clock: systemClock, random: systemRandom, events };
  try {
    const producer = createProducer({ api, ...ports, ...(aggregate ? { aggregation: {} } : {}) });
    let records = 0;
    let bytes = 0;
    for await (const entries of groups) {
      await producer.putAll(entries, signal);
      records += entries.length;
      for (const { data } of entries) bytes += data.length;
      onPut?.({ records, bytes });
    }
    return { records, bytes };
  } finally {
    clients.destroy();
  }
}
