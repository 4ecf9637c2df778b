import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler } from '@smithy/node-http-handler';
import type { CredentialIdentity } from './config/consumer-options.ts';
import { type ClientOptions, commonConfig, createDynamoClient, http1Handler } from './dynamo-client.ts';

export type { ClientOptions } from './dynamo-client.ts';

/** The AWS clients of one application, each made when first asked for. */
export interface Clients {
  readonly kinesis: KinesisClient;
  /** Kinesis for SubscribeToShard alone: connections that bear silence, and windows for 2 MB a second and shard. */
  readonly subscriptions: KinesisClient;
  readonly dynamoDB: DynamoDBClient;
  /** The region and the credentials with which DynamoDB is asked now, as values; rejects as a call would. */
  dynamoDBIdentity(): Promise<{ readonly region: string; readonly credentials: CredentialIdentity }>;
  /** Closes the connections of the clients made so far. */
  destroy(): void;
}

/**
 * Makes clients that try each call once: every loop of Millrace does its own retries, since it knows how long a lease
 * or a shard can wait. All calls but
 * SubscribeToShard go over HTTP/1.1, whose connections are kept: an answer costs a third less processor time than over one
 * shared HTTP/2 session, and a tenth of what the SDK's default costs, which opens a session for every call.
 */
export function createClients(options: ClientOptions = {}): Clients {
  let kinesis: KinesisClient | undefined;
  let subscriptions: KinesisClient | undefined;
  let dynamoDB: DynamoDBClient | undefined;
  return {
    get kinesis() {
      kinesis ??= new KinesisClient({
        ...commonConfig(options, options.kinesisEndpoint),
        requestHandler: http1Handler(options, { ca: options.certificateAuthority }),
      });
      return kinesis;
    },
    get subscriptions() {
      subscriptions ??= new KinesisClient({
        ...commonConfig(options, options.kinesisEndpoint),
        requestHandler: isPlainHttp(options.kinesisEndpoint)
          ? http1Handler(options, { timeouts: { socketTimeout: 0, requestTimeout: 0 } })
          : subscriptionsHandler(options),
      });
      return subscriptions;
    },
    get dynamoDB() {
      dynamoDB ??= createDynamoClient(options);
      return dynamoDB;
    },
    async dynamoDBIdentity() {
      const { config } = this.dynamoDB;
      const [region, credentials] = await Promise.all([config.region(), config.credentials()]);
      return { region, credentials };
    },
    destroy() {
      kinesis?.destroy();
      subscriptions?.destroy();
      dynamoDB?.destroy();
    },
  };
}

function isPlainHttp(endpoint: string | undefined): boolean {
  return endpoint !== undefined && endpoint.toLowerCase().startsWith('http:');
}

/** What may be under way to this process on one subscription: KCL's 512 KiB, so that 2 MB a second cross an ocean. */
const subscriptionWindowBytes = 512 * 1024;
/** Subscriptions over one HTTP/2 session; Kinesis takes 128 calls at once. Those beyond it share a further session. */
const subscriptionsPerSession = 100;

/** One session for all subscriptions, without time-outs: whether one is dead is the reader's to judge. */
function subscriptionsHandler(options: ClientOptions): NodeHttp2Handler {
  return new NodeHttp2Handler({
    disableConcurrentStreams: false,
    maxConcurrentStreams: subscriptionsPerSession,
    nodeHttp2ConnectOptions: {
      settings: { initialWindowSize: subscriptionWindowBytes },
      ...(options.certificateAuthority === undefined ? {} : { ca: options.certificateAuthority }),
    },
  });
}
