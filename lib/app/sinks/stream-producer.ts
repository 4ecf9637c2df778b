import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import { createAwsKinesis } from '../../kinesis/aws-kinesis.ts';
import { type Producer, createProducer } from '../../kinesis/producer.ts';
import { type ClientOptions, createClients } from '../clients.ts';

/** Which stream a program puts records on. */
export interface StreamProducerOptions {
  /** The stream that takes the records; not the one that is read. */
  readonly streamName: string;
  /** Region, keys and endpoint; default: the SDK's own chain. */
  readonly region?: string;
  readonly credentials?: NonNullable<ClientOptions['credentials']>;
  readonly kinesisEndpoint?: string;
}

/**
 * A producer for as long as the process lasts. Nobody closes its client, and nobody has to: Node does not wait for the
 * kept connections of an agent while no call is under way.
 */
export function streamProducer({ streamName, region, credentials, kinesisEndpoint }: StreamProducerOptions): Producer {
  const { kinesis: client } = createClients({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(kinesisEndpoint === undefined ? {} : { kinesisEndpoint }),
  });
  const events = { publish() {} };
  const api = createAwsKinesis({ client, stream: { streamName }, clock: systemClock, events, codec: 'sdk' });
  return createProducer({ api, clock: systemClock, random: systemRandom });
}
