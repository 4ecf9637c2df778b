import { Readable } from 'node:stream';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { systemClock } from '../../../lib/base/clock.ts';
import type { MillraceEvent } from '../../../lib/event/event.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import type { Codec } from '../../../lib/kinesis/codec/codec.ts';
import type { GetRecordsAnswer, KinesisApi } from '../../../lib/kinesis/kinesis-api.ts';

/** What the service answers with, in the pieces in which it arrives. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly chunks: readonly Uint8Array[];
}

/** A request as it left the client. */
export interface SeenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A client of the SDK whose calls go to a script instead of the network. */
export interface ScriptedClient {
  readonly client: KinesisClient;
  readonly api: KinesisApi;
  readonly events: readonly MillraceEvent[];
  readonly requests: readonly SeenRequest[];
  /** One GetRecords. */
  getRecords(): Promise<GetRecordsAnswer>;
}

export const jsonType = { 'content-type': 'application/x-amz-json-1.1' };
export const cborType = { 'content-type': 'application/x-amz-cbor-1.1' };

/** Makes such a client. `answer` is asked at each call. */
export function scriptedClient(codec: Codec, answer: (number: number) => ScriptedAnswer): ScriptedClient {
  const events: MillraceEvent[] = [];
  const requests: SeenRequest[] = [];
  const client = new KinesisClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      handle(request: { readonly headers: Record<string, string>; readonly body: Uint8Array }) {
        const { buffer, byteOffset, byteLength } = request.body;
        requests.push({ headers: request.headers, body: Buffer.from(buffer, byteOffset, byteLength) });
        const { status = 200, headers = jsonType, chunks } = answer(requests.length);
        const body = Readable.from(
          chunks.map((chunk) => Buffer.from(chunk)),
          { objectMode: false },
        );
        return Promise.resolve({ response: { statusCode: status, headers: { ...headers }, body } });
      },
    },
  });
  const api = createAwsKinesis({
    client,
    stream: { streamName: 'orders' },
    clock: systemClock,
    events: { publish: (event) => events.push(event) },
    codec,
  });
  const { signal } = new AbortController();
  return {
    client,
    api,
    events,
    requests,
    getRecords: () => api.getRecords({ iterator: 'iterator', limit: 10_000, shardId: 'shardId-0' }, signal),
  };
}

/** An answer with every field made, for comparisons. */
export function plainAnswer({ records, wireBytes: _, ...rest }: GetRecordsAnswer): unknown {
  return {
    ...rest,
    records: records.map((record) => ({
      data: Buffer.from(record.data).toString('hex'),
      byteLength: record.byteLength ?? record.data.length,
      partitionKey: record.partitionKey,
      sequenceNumber: record.sequenceNumber,
      arrivalTimeMillis: record.arrivalTimeMillis,
    })),
  };
}

/** Cuts bytes at the given places. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].toSorted(
    (a, b) => a - b,
  );
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}
