import { awsError } from '../../aws-error.ts';
import type { FakeConsumer } from '../../fake-consumers.ts';
import type { RequestReader } from '../request.ts';
import type { WireValue } from '../wire-format.ts';
import { type KinesisOperation, nothing, value } from './operation.ts';

/** Consumers of one page of ListStreamConsumers. */
const consumersPageSize = 100;

/** The operations on the registered consumers of enhanced fan-out. */
export const consumerOperations: Readonly<Record<string, KinesisOperation>> = {
  RegisterStreamConsumer(account, { request }) {
    const { fake, fanOut } = account.streamOf(request);
    if (fake.status !== 'ACTIVE' && fake.status !== 'UPDATING') {
      throw awsError('ResourceInUseException', `Stream ${fake.streamName} is ${fake.status}.`);
    }
    return value({ Consumer: consumerValue(fanOut.consumers.register(request.text('ConsumerName'))) });
  },

  DescribeStreamConsumer(account, { request }) {
    const { fake, fanOut } = account.streamOf(request);
    const consumer = fanOut.consumers.find(keyOf(request));
    return value({ ConsumerDescription: { ...consumerValue(consumer), StreamARN: fake.streamArn } });
  },

  DeregisterStreamConsumer(account, { request }) {
    account.streamOf(request).fanOut.consumers.deregister(keyOf(request));
    return nothing;
  },

  ListStreamConsumers(account, { request }) {
    const { fanOut } = account.streamOf(request);
    const after = request.optionalText('NextToken') ?? '';
    const limit = request.optionalInteger('MaxResults', 1, consumersPageSize) ?? consumersPageSize;
    const rest = fanOut.consumers.all.filter((consumer) => consumer.name > after);
    const page = rest.slice(0, limit);
    return value({
      Consumers: page.map(consumerValue),
      ...(rest.length > page.length ? { NextToken: page.at(-1)?.name } : {}),
    });
  },
};

function keyOf(request: RequestReader): { readonly name: string } | { readonly arn: string } {
  const arn = request.optionalText('ConsumerARN');
  return arn === undefined ? { name: request.text('ConsumerName') } : { arn };
}

function consumerValue(consumer: FakeConsumer): { readonly [name: string]: WireValue } {
  return {
    ConsumerName: consumer.name,
    ConsumerARN: consumer.arn,
    ConsumerStatus: consumer.status,
    ConsumerCreationTimestamp: new Date(consumer.createdAtMillis),
  };
}
