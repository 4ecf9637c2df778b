import { createClients } from '../../../lib/app/clients.ts';
import { type FakeAws, startFakeAwsChild } from '../../../lib/testkit/index.ts';
import { startStack } from '../demo/stack.ts';
import { testCredentials, testRegion } from '../../support/local-stack.ts';
import { machineMillis } from './ledger-line.ts';
import { ownArguments } from '../../support/programs.ts';

/** What plays AWS: the testkit's fakes over the wire, or emulators that others have made. */
export type ServiceKind = 'fakes' | 'emulators';

/** Kinesis and DynamoDB in processes of their own. */
export interface Services {
  readonly kind: ServiceKind;
  readonly kinesisEndpoint: string;
  readonly dynamoDBEndpoint: string;
  /** Lets calls go wrong; the emulators cannot. */
  readonly faults: Pick<FakeAws, 'inject' | 'clearFaults'> | undefined;
  /** How long the services take to answer something simple, milliseconds. */
  probe(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts services of a kind. */
export function startServices(kind: ServiceKind, signal: AbortSignal): Promise<Services> {
  return kind === 'fakes' ? startFakes() : startEmulators(signal);
}

async function startFakes(): Promise<Services> {
  // The child's program is TypeScript, however this process was started.
  const fake = await startFakeAwsChild({ execArgv: ownArguments() });
  return {
    kind: 'fakes',
    kinesisEndpoint: fake.endpoint,
    dynamoDBEndpoint: fake.endpoint,
    faults: fake,
    probe: () => timed(() => fake.stats()),
    stop: () => fake.stop(),
  };
}

async function startEmulators(signal: AbortSignal): Promise<Services> {
  const stack = await startStack(signal);
  const { endpoint: kinesisEndpoint } = stack.kinesis;
  const { endpoint: dynamoDBEndpoint } = stack.dynamo;
  return {
    kind: 'emulators',
    kinesisEndpoint,
    dynamoDBEndpoint,
    faults: undefined,
    // Any answer will do: both refuse what is no call of AWS.
    probe: () => timed(() => Promise.all([kinesisEndpoint, dynamoDBEndpoint].map(anyAnswer))),
    stop: () => stack.stop(),
  };
}

async function anyAnswer(endpoint: string): Promise<void> {
  await (await fetch(endpoint)).arrayBuffer();
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const sinceMillis = machineMillis();
  await call();
  return machineMillis() - sinceMillis;
}

/** How long the harness itself waits for an answer: a call that is given up is made again, and may count twice. */
const requestTimeoutMillis = 60_000;

/** The clients of the harness itself. */
export function harnessClients({ kinesisEndpoint, dynamoDBEndpoint }: Services) {
  const endpoints = { kinesisEndpoint, dynamoDBEndpoint, requestTimeoutMillis };
  return createClients({ region: testRegion, credentials: testCredentials, ...endpoints });
}
