import { MillraceError } from '../../base/error.ts';
import { jsonLine } from '../../engine/json-line.ts';
import type { Sink, SinkContext } from '../../engine/sink/sink.ts';
import type { PutEntry } from '../../kinesis/kinesis-api.ts';
import type { Producer } from '../../kinesis/producer.ts';
import { type StreamProducerOptions, streamProducer } from './stream-producer.ts';

/** What a {@link kinesisSink} puts for an item. */
export interface SinkRecord {
  /** Bytes, or a text that is encoded as UTF-8; with the partition key at most 1 MiB. */
  readonly data: Uint8Array | string;
  /** 1 to 256 characters. */
  readonly partitionKey: string;
}

/** Options of {@link kinesisSink}. */
export interface KinesisSinkOptions<T> extends StreamProducerOptions {
  /**
   * The record that an item becomes. `id` is `<application>/<group>/<batch id>/<place in the batch>`: put it where readers
   * find it, so that they can drop repetitions. Default: the JSON text `{ "id": ..., "value": <the item> }`, under the key
   * of the pair where the item is a pair with a text as key, else under the id.
   */
  readonly record?: (item: T, id: string) => SinkRecord;
  /**
   * `true`: a batch that is repeated holds the same items, so that each is put under the same id again, and readers that
   * drop known ids see every item once. Costs a second write for each commit. Default `false`.
   */
  readonly repeatable?: boolean;
}

/**
 * A sink that puts each item of a batch as a record on a Kinesis stream, in order of the batch as far as no record is
 * refused; refused ones are put again, alone, for as long as the producer is patient. `write` resolves when Kinesis has
 * taken all. Guarantee: at least once, since Kinesis cannot take a record back.
 * @throws MillraceError `MR_CONFIG_INVALID` without a stream name
 */
export function kinesisSink<T>(options: KinesisSinkOptions<T>): Sink<T> {
  const { streamName, record = defaultRecord, repeatable = false } = options;
  if (typeof streamName !== 'string' || streamName === '') {
    throw invalid('kinesisSink() needs streamName, the stream that takes the records', 'streamName');
  }
  if (typeof record !== 'function') throw invalid('record of kinesisSink() is no function', 'record');
  const name = `kinesis:${streamName}`;
  let producer: Producer | undefined;
  return {
    name,
    guarantee: 'atLeastOnce',
    repeatable,
    async write(items, context) {
      context.signal.throwIfAborted();
      if (items.length === 0) return;
      const entries = items.map((item, index) => entryOf(record(item, idOf(context, index)), name));
      producer ??= streamProducer(options);
      await producer.putAll(entries, context.signal);
    },
  };
}

/** The same for the same item of a batch that is given again, as far as the batch holds the same. */
function idOf({ application = '', group, batchId }: SinkContext, index: number): string {
  return `${application}/${group}/${batchId}/${index}`;
}

function defaultRecord(item: unknown, id: string): SinkRecord {
  const key: unknown = Array.isArray(item) ? item[0] : undefined;
  const data = jsonLine({ id, value: item }, 'kinesisSink');
  return { data, partitionKey: typeof key === 'string' && key !== '' && key.length <= longestKey ? key : id };
}

/** Kinesis takes partition keys of 1 to 256 characters. */
const longestKey = 256;

function entryOf(record: SinkRecord, name: string): PutEntry {
  const { data, partitionKey } = (record ?? {}) as Partial<SinkRecord>;
  if (typeof partitionKey !== 'string' || partitionKey === '' || partitionKey.length > longestKey) {
    throw invalid(`the function record of ${name} gave no partitionKey of 1 to ${longestKey} characters`, 'record');
  }
  if (typeof data === 'string') return { data: new TextEncoder().encode(data), partitionKey };
  if (data instanceof Uint8Array) return { data, partitionKey };
  throw invalid(`the function record of ${name} gave data that is neither bytes nor a text`, 'record');
}

function invalid(message: string, option: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, { subject: { option } });
}
