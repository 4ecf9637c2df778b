import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { NodeHttpHandler, NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { customUserAgent } from '../base/user-agent.ts';
import { LeanHttpHandler, createLeanAgents } from './http-agents.ts';

/** Options of the AWS clients; what is absent comes from the SDK's chain (environment, files, roles). */
export interface ClientOptions {
  readonly region?: string;
  /** Fixed credentials or a provider. */
  readonly credentials?: NonNullable<DynamoDBClientConfig['credentials']>;
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

/** Connections to one HTTP/1.1 endpoint; calls beyond it queue inside the agent. */
const maxSockets = 256;

/** A client of DynamoDB alone: the keeper's thread needs no more, and does not load the other. Tries each call once. */
export function createDynamoClient(options: ClientOptions): DynamoDBClient {
  return new DynamoDBClient({
    ...commonConfig(options, options.dynamoDBEndpoint),
    requestHandler: http1Handler(options),
  });
}

/** What all clients have in common. */
export function commonConfig(
  options: ClientOptions,
  endpoint: string | undefined,
): Pick<DynamoDBClientConfig, 'region' | 'credentials' | 'endpoint' | 'maxAttempts' | 'customUserAgent'> {
  return {
    maxAttempts: 1,
    customUserAgent,
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** What differs between the clients over HTTP/1.1. */
interface Http1Options {
  readonly ca?: string | undefined;
  readonly timeouts?: NodeHttpHandlerOptions;
}

/** Keeps its connections, and waits for nothing without end. */
export function http1Handler(options: ClientOptions, { ca, timeouts = {} }: Http1Options = {}): NodeHttpHandler {
  const agents = createLeanAgents({ keepAlive: true, maxSockets, ...(ca === undefined ? {} : { ca }) });
  return new LeanHttpHandler({
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

const silentLogger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
