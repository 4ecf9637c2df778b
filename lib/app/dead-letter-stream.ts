import { stayingController } from '../base/abort.ts';
import { systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Producer } from '../kinesis/producer.ts';
import type { DeadLetter } from '../receiver/dead-letter.ts';
import type { ClientOptions } from './clients.ts';
import { deadLetterLine } from './dead-letter-line.ts';
import { streamProducer } from './sinks/stream-producer.ts';

/** Options of {@link deadLetterStream}. */
export interface DeadLetterStreamOptions {
  /** The stream that takes the dead letters; not the one that is read. */
  readonly streamName: string;
  /** Region, keys and endpoint; default: the SDK's own chain. */
  readonly region?: string;
  readonly credentials?: NonNullable<ClientOptions['credentials']>;
  readonly kinesisEndpoint?: string;
}

/** How long one write may take before the run stops instead, milliseconds. */
const writeTimeoutMillis = 60_000;

/**
 * A dead letter that puts each record on another Kinesis stream, under its partition key, as the JSON line that
 * `deadLetterFile` writes. `write` resolves after Kinesis has taken all of them; it rejects after a minute, and for a
 * record that is too large with its line around it.
 * @throws MillraceError `MR_CONFIG_INVALID` without a stream name
 */
export function deadLetterStream(options: DeadLetterStreamOptions): DeadLetter {
  const { streamName } = options;
  if (typeof streamName !== 'string' || streamName === '') {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      'deadLetterStream needs streamName, the stream that takes the records',
      {
        subject: { option: 'streamName' },
      },
    );
  }
  let producer: Producer | undefined;
  const put = async (entries: Parameters<Producer['putAll']>[0]) => {
    producer ??= streamProducer(options);
    const late = new MillraceError('MR_ENDPOINT_UNREACHABLE', `stream ${streamName} did not take the dead letters`);
    const end = stayingController();
    const cancel = systemClock.timer(writeTimeoutMillis, () => end.abort(late));
    await producer.putAll(entries, end.signal).finally(cancel);
  };
  return {
    write: async (records, context) => {
      if (records.some((record) => record.streamName === streamName)) {
        throw new MillraceError(
          'MR_CONFIG_INVALID',
          `the dead letters of stream ${streamName} would come back to it: give deadLetterStream another stream`,
          { subject: { stream: streamName } },
        );
      }
      await put(
        records.map((record) => ({
          data: new TextEncoder().encode(deadLetterLine(record, context)),
          partitionKey: record.partitionKey,
        })),
      );
    },
  };
}
