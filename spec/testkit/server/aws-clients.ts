import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import type { FakeAws } from '../../../lib/testkit/server/fake-aws.ts';
import { testCredentials, testRegion } from '../../support/local-stack.ts';

/** The ways to a fake AWS. */
export type Transport = 'HTTP/1.1' | 'HTTP/2' | 'HTTP/2 over TLS' | 'HTTP/1.1 over TLS';

/** A client of Kinesis that tries each call once. */
export function kinesisClient(aws: FakeAws, transport: Transport = 'HTTP/1.1'): KinesisClient {
  return new KinesisClient({
    ...common,
    endpoint: transport.endsWith('TLS') ? aws.tlsEndpoint : aws.endpoint,
    requestHandler: handlerOf(aws, transport),
  });
}

/** A client of DynamoDB that tries each call once. */
export function dynamoClient({ endpoint }: { readonly endpoint: string }): DynamoDBClient {
  return new DynamoDBClient({ ...common, endpoint, requestHandler: new NodeHttpHandler(timeouts) });
}

const common = { region: testRegion, credentials: testCredentials, maxAttempts: 1 };
const timeouts = { connectionTimeout: 10_000, requestTimeout: 30_000 };

function handlerOf(aws: FakeAws, transport: Transport): NonNullable<KinesisClientConfig['requestHandler']> {
  const shared = { disableConcurrentStreams: false, requestTimeout: 30_000 };
  switch (transport) {
    case 'HTTP/1.1':
      return new NodeHttpHandler(timeouts);
    case 'HTTP/1.1 over TLS':
      return new NodeHttpHandler({ ...timeouts, httpsAgent: { ca: aws.ca, keepAlive: true } });
    case 'HTTP/2':
      return new NodeHttp2Handler(shared);
    case 'HTTP/2 over TLS':
      return new NodeHttp2Handler({ ...shared, nodeHttp2ConnectOptions: { ca: aws.ca } });
  }
}
