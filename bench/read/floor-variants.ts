import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { GetRecordsCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { createClients } from '../../lib/app/clients.ts';
import { LeanCall } from '../../lib/base/lean-call.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { type MakeReadVariant, type ReadTarget, benchCredentials, benchRegion } from './variant.ts';

/** The same calls as Millrace's JSON, past the same layers of the SDK, whose answers are received and not looked at. */
export const floor: MakeReadVariant = (target) => floorLoop(target, 'application/x-amz-json-1.1');
/** The same for CBOR. */
export const floorCbor: MakeReadVariant = (target) => floorLoop(target, 'application/x-amz-cbor-1.1');

function floorLoop({ endpoint, iterator }: ReadTarget, contentType: string) {
  const { kinesis } = createClients({ region: benchRegion, credentials: benchCredentials, kinesisEndpoint: endpoint });
  replaceDecoder(kinesis, contentType, iterator);
  const lean = new LeanCall({ config: kinesis.config, random: systemRandom });
  kinesis.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      lean.learn({ request: args.request, response: result.response, context });
      return result;
    },
    { step: 'deserialize', priority: 'low' },
  );
  const { signal } = new AbortController();
  const input = { ShardIterator: iterator, Limit: 10_000 };
  const encode = () => (contentType.includes('cbor') ? cborRequest(iterator) : Buffer.from(JSON.stringify(input)));
  return {
    async round(pages: number) {
      for (let page = 0; page < pages; page += 1) {
        if ((await lean.send(encode, signal)) === undefined) await kinesis.send(new GetRecordsCommand(input));
      }
      return 0;
    },
  };
}

interface FloorResponse {
  readonly body: Readable;
}

interface FloorRequest {
  readonly headers: Record<string, string>;
  body: Uint8Array | string;
}

interface ReplaceableProtocol {
  serializeRequest(...args: unknown[]): Promise<FloorRequest>;
  deserializeResponse(operation: unknown, context: unknown, response: FloorResponse): Promise<object>;
}

function replaceDecoder(client: KinesisClient, contentType: string, iterator: string): void {
  const protocol = client.config.protocol as unknown as ReplaceableProtocol;
  const serialize = protocol.serializeRequest.bind(protocol);
  protocol.serializeRequest = async (...args) => {
    const request = await serialize(...args);
    if (contentType.includes('cbor')) {
      request.headers['content-type'] = contentType;
      request.body = cborRequest(iterator);
      request.headers['content-length'] = String(request.body.length);
    }
    return request;
  };
  protocol.deserializeResponse = async (_operation, _context, { body }) => {
    body.resume();
    await once(body, 'end');
    return { $metadata: {} };
  };
}

/** `{ ShardIterator: iterator }` in CBOR, for an iterator of 24 to 255 bytes. */
function cborRequest(iterator: string): Uint8Array {
  const name = 'ShardIterator';
  const length = Buffer.byteLength(iterator);
  const head = length < 24 ? [0x60 + length] : [0x78, length];
  return Buffer.concat([
    Buffer.from([0xa1, 0x60 + name.length]),
    Buffer.from(name),
    Buffer.from(head),
    Buffer.from(iterator),
  ]);
}
