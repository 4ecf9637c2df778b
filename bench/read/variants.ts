import { GetRecordsCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { createClients } from '../../lib/app/clients.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { type BodyStream, readBody, toldLength } from '../../lib/kinesis/codec/body.ts';
import type { ReadRecord } from './page.ts';

/** One way to read: a call brings a page. */
export interface ReadVariant {
  /** Reads one page and looks at every record as a handler would: its length and its first byte. Answers with the number. */
  read(): Promise<number>;
  /** Reads one page with all fields of all records; absent where nothing is decoded. */
  readonly readAll?: () => Promise<readonly ReadRecord[]>;
  close(): void;
}

/** The ways that are compared, by name. */
export const readVariants: Readonly<Record<string, (endpoint: string) => ReadVariant>> = {
  sdk: sdkVariant,
  json: (endpoint) => codecVariant(endpoint, 'json'),
  cbor: (endpoint) => codecVariant(endpoint, 'cbor'),
  floor: (endpoint) => floorVariant(endpoint, 'application/x-amz-json-1.1'),
  floorCbor: (endpoint) => floorVariant(endpoint, 'application/x-amz-cbor-1.1'),
};

const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
const ShardIterator = 'A'.repeat(224);

/** The SDK's own loop, with the handler that is the cheapest for it. */
function sdkVariant(endpoint: string): ReadVariant {
  const clients = createClients({ region: 'us-east-1', credentials, kinesisEndpoint: endpoint });
  const call = async () => {
    const { Records = [] } = await clients.kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: 10_000 }));
    return Records;
  };
  return {
    async read() {
      let seen = 0;
      for (const { Data } of await call()) seen += looked(Data as Uint8Array);
      return seen;
    },
    async readAll() {
      return (await call()).map((record) => ({
        data: record.Data as Uint8Array,
        partitionKey: record.PartitionKey as string,
        sequenceNumber: record.SequenceNumber as string,
        arrivalTimeMillis: (record.ApproximateArrivalTimestamp as Date).getTime(),
      }));
    },
    close: () => clients.destroy(),
  };
}

/** Millrace's port over its own codec. */
function codecVariant(endpoint: string, codec: 'json' | 'cbor'): ReadVariant {
  const clients = createClients({ region: 'us-east-1', credentials, kinesisEndpoint: endpoint });
  const events = {
    publish({ type }: { readonly type: string }): void {
      if (type === 'codec.fellBack') throw new Error(`the codec ${codec} was not used`);
    },
  };
  const stream = { streamName: 'bench' };
  const api = createAwsKinesis({ client: clients.kinesis, stream, clock: systemClock, events, codec });
  const { signal } = new AbortController();
  const call = async () => (await api.getRecords({ iterator: ShardIterator, limit: 10_000 }, signal)).records;
  return {
    async read() {
      let seen = 0;
      for (const record of await call()) seen += looked(record.data);
      return seen;
    },
    readAll: call,
    close: () => clients.destroy(),
  };
}

/** The same call, whose answer is received into one buffer and not looked at. */
function floorVariant(endpoint: string, contentType: string): ReadVariant {
  const clients = createClients({ region: 'us-east-1', credentials, kinesisEndpoint: endpoint });
  const { kinesis } = clients;
  replaceDecoder(kinesis, contentType);
  return {
    async read() {
      await kinesis.send(new GetRecordsCommand({ ShardIterator, Limit: 10_000 }));
      return 0;
    },
    close: () => clients.destroy(),
  };
}

interface FloorResponse {
  readonly body: BodyStream;
  readonly headers: Readonly<Record<string, string>>;
}

interface ReplaceableProtocol {
  serializeRequest(...args: unknown[]): Promise<{ readonly headers: Record<string, string> }>;
  deserializeResponse(operation: unknown, context: unknown, response: FloorResponse): Promise<object>;
}

function replaceDecoder(client: KinesisClient, contentType: string): void {
  const protocol = client.config.protocol as unknown as ReplaceableProtocol;
  const serialize = protocol.serializeRequest.bind(protocol);
  protocol.serializeRequest = async (...args) => {
    const request = await serialize(...args);
    request.headers['content-type'] = contentType;
    return request;
  };
  protocol.deserializeResponse = async (_operation, _context, { body, headers }) => {
    await readBody(body, toldLength(headers['content-length']));
    return { $metadata: {} };
  };
}

function looked(data: Uint8Array): number {
  return data.length > 0 && (data[0] as number) >= 0 ? 1 : 0;
}
