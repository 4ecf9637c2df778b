import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { KinesisClient, type KinesisClientConfig } from '@aws-sdk/client-kinesis';
import { NodeHttp2Handler, NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { customUserAgent } from '../base/user-agent.ts';
import { createLeanAgents } from './http-agents.ts';
import type { CredentialIdentity } from './config/consumer-options.ts';

/** Options of {@link createClients}; what is absent comes from the SDK's chain (environment, files, roles). */
export interface ClientOptions {
  readonly region?: string;
  /** Fixed credentials or a provider. */
  readonly credentials?: NonNullable<KinesisClientConfig['credentials']>;
  /** Endpoints other than the region's own, such as an emulator's. Plain `http:` ones are spoken to over HTTP/1.1. */
  readonly kinesisEndpoint?: string;
  readonly dynamoDBEndpoint?: string;
  /** A certificate authority (PEM) that `https:` endpoints of Kinesis are also trusted by, such as a local server's. */
  readonly certificateAuthority?: string;
  /** How long a connection may take to open: 3,000 ms. */
  readonly connectionTimeoutMillis?: number;
  /** How long an answer may take: 10,000 ms. */
  readonly requestTimeoutMillis?: number;
}

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

/** Connections to one HTTP/1.1 endpoint; calls beyond it queue inside the agent. */
const maxSockets = 256;

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
      dynamoDB ??= new DynamoDBClient({
        ...commonConfig(options, options.dynamoDBEndpoint),
        requestHandler: http1Handler(options),
      });
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

function commonConfig(
  options: ClientOptions,
  endpoint: string | undefined,
): Pick<
  KinesisClientConfig & DynamoDBClientConfig,
  'region' | 'credentials' | 'endpoint' | 'maxAttempts' | 'customUserAgent'
> {
  return {
    maxAttempts: 1,
    customUserAgent,
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

function isPlainHttp(endpoint: string | undefined): boolean {
  return endpoint !== undefined && endpoint.toLowerCase().startsWith('http:');
}

interface Http1Options {
  readonly ca?: string | undefined;
  readonly timeouts?: NodeHttpHandlerOptions;
}

function http1Handler(options: ClientOptions, { ca, timeouts = {} }: Http1Options = {}): NodeHttpHandler {
  const agents = createLeanAgents({ keepAlive: true, maxSockets, ...(ca === undefined ? {} : { ca }) });
  return new NodeHttpHandler({
    connectionTimeout: options.connectionTimeoutMillis ?? 3_000,
    requestTimeout: options.requestTimeoutMillis ?? 10_000,
    // Without it a late answer is only warned about, on the console.
    throwOnRequestTimeout: true,
    // The request timeout ends with the headers of the answer; this one also ends an answer that stops half way.
    socketTimeout: options.requestTimeoutMillis ?? 10_000,
    // A queue inside the agent is no reason to print either.
    logger: silentLogger,
    ...agents,
    ...timeouts,
  });
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

const silentLogger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
