import { freeBytes } from '../../base/free-bytes.ts';
import type { EventSink } from '../../event/bus.ts';
import { isBodyStream, joinChunks, readBody, toldLength } from './body.ts';
import { decodeCborPage, jsonOfCbor } from './cbor-page.ts';
import { encodeCbor } from './cbor-encode.ts';
import type { Codec } from './codec.ts';
import { decodeJsonPage } from './json-page.ts';
import type { DecodedPage } from './page.ts';
import { type AnswerMetadata, UnreadableAnswer } from './unreadable.ts';

/** What GetRecords answers with when Millrace has decoded it, in place of the SDK's output. */
export class DecodedAnswer {
  readonly $metadata: AnswerMetadata;
  readonly page: DecodedPage;

  constructor($metadata: AnswerMetadata, page: DecodedPage) {
    this.$metadata = $metadata;
    this.page = page;
  }
}

/** An operation as the SDK's protocols see it. */
export interface Operation {
  readonly name: string;
}

/** An answer as the SDK's handlers give it. The body can be replaced. */
export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  body?: unknown;
}

/** What a call brings along; of all that only the SDK's way to read a body that is no stream of Node. */
export interface CallContext {
  readonly streamCollector: (body: never) => Promise<Uint8Array>;
}

/** A request as the SDK makes it. */
export interface CallRequest {
  body?: unknown;
  readonly headers: Record<string, string>;
}

/** The two methods of an SDK protocol that a codec stands in front of. */
export interface ProtocolMethods {
  serializeRequest(operation: Operation, input: object, context: never): Promise<CallRequest>;
  deserializeResponse(operation: Operation, context: CallContext, answer: Answer): Promise<object>;
}

/** How Kinesis names its CBOR. */
export const cborType = 'application/x-amz-cbor-1.1';
/** What a server says that does not know the format of a request. */
const refusalsOfFormat: ReadonlySet<string> = new Set(['SerializationException', 'UnknownOperationException']);

/** Stands in front of the protocol of an SDK client, for the requests and answers of GetRecords alone. */
export class GetRecordsProtocol {
  readonly #base: ProtocolMethods;
  readonly #codec: Exclude<Codec, 'sdk'>;
  readonly #events: EventSink;
  /** Whether requests go out as CBOR; not any more once the server has shown that it knows none. */
  #sendsCbor: boolean;
  #hasSeenCbor = false;
  #fallbacks = 0;
  #answers = 0;

  constructor(base: ProtocolMethods, codec: Exclude<Codec, 'sdk'>, events: EventSink) {
    this.#base = base;
    this.#codec = codec;
    this.#events = events;
    this.#sendsCbor = codec === 'cbor';
  }

  /** Answers of GetRecords that came by here. None after a call means that the client does not ask its protocol. */
  get answers(): number {
    return this.#answers;
  }

  /** Makes the request: the SDK's own, for CBOR with another body. */
  async serializeRequest(operation: Operation, input: object, context: never): Promise<CallRequest> {
    const request = await this.#base.serializeRequest(operation, input, context);
    if (operation.name !== 'GetRecords' || !this.#sendsCbor) return request;
    request.body = encodeCbor(JSON.parse(textOf(request.body)));
    request.headers['content-type'] = cborType;
    return request;
  }

  /**
   * Decodes the answer. What is no page of records is left to the SDK: refusals, and answers of another shape.
   * @throws UnreadableAnswer when nobody can read it
   */
  async deserializeResponse(operation: Operation, context: CallContext, answer: Answer): Promise<object> {
    if (operation.name !== 'GetRecords') return this.#base.deserializeResponse(operation, context, answer);
    this.#answers += 1;
    try {
      const chunks = await chunksOf(answer, context);
      const isCbor = (headerOf(answer, 'content-type') ?? '').startsWith('application/x-amz-cbor');
      this.#hasSeenCbor ||= isCbor;
      if (answer.statusCode >= 300) {
        const body = joinChunks(chunks);
        if (!isCbor && this.#sendsCbor) this.#hearRefusal(answer, body);
        answer.body = isCbor ? jsonOfCbor(body) : body;
        return await this.#base.deserializeResponse(operation, context, answer);
      }
      if (this.#codec === 'cbor' && !isCbor && this.#sendsCbor)
        this.#fellBack('json', 'the answer to CBOR came as JSON');
      const page = isCbor ? decodeCborPage(chunks) : decodeJsonPage(chunks);
      if (page?.isMoved === true) freeBytes(chunks);
      if (page !== undefined) return new DecodedAnswer(metadataOf(answer), page);
      this.#fellBack('sdk', 'the answer has not the shape of a page of records');
      const body = joinChunks(chunks);
      answer.body = isCbor ? jsonOfCbor(body) : body;
      return await this.#base.deserializeResponse(operation, context, answer);
    } catch (thrown) {
      throw withMetadata(thrown, answer);
    }
  }

  /** Goes on in JSON when the server shows by a refusal that it knows no CBOR, and none has ever come from it. */
  #hearRefusal(answer: Answer, body: Buffer): void {
    if (this.#hasSeenCbor) return;
    const name = errorNameOf(answer, body);
    if (answer.statusCode !== 415 && !(name !== undefined && refusalsOfFormat.has(name))) return;
    this.#sendsCbor = false;
    this.#fellBack('json', `the endpoint refused CBOR (${name ?? answer.statusCode})`);
    throw new UnreadableAnswer('the endpoint takes no CBOR; the next call asks for JSON');
  }

  /** Told at the 1st, 10th, 100th ... time: an endpoint that differs does so with every answer. */
  #fellBack(to: 'json' | 'sdk', reason: string): void {
    this.#fallbacks += 1;
    if (!Number.isInteger(Math.log10(this.#fallbacks))) return;
    this.#events.publish({ type: 'codec.fellBack', codec: this.#codec, to, reason, times: this.#fallbacks });
  }
}

/** The SDK gives the JSON of a request as text, or as its bytes. */
function textOf(body: unknown): string {
  if (!(body instanceof Uint8Array)) return String(body);
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

/** The whole body of an answer, in pieces that may be written over. */
export async function chunksOf(answer: Answer, context: CallContext): Promise<readonly Buffer[]> {
  const { body } = answer;
  if (isBodyStream(body)) return readBody(body, toldLength(headerOf(answer, 'content-length')));
  const bytes = body === undefined || body instanceof Uint8Array ? body : await context.streamCollector(body as never);
  // A copy, since records are decoded in place.
  return bytes === undefined ? [] : [Buffer.from(bytes)];
}

function errorNameOf(answer: Answer, body: Buffer): string | undefined {
  const header = headerOf(answer, 'x-amzn-errortype');
  if (header !== undefined) return header.split(':')[0];
  try {
    const tree: unknown = JSON.parse(body.toString('utf8'));
    const type: unknown = typeof tree === 'object' && tree !== null && '__type' in tree ? tree.__type : undefined;
    return typeof type === 'string' ? type.split('#').at(-1) : undefined;
  } catch {
    return undefined;
  }
}

/** A header of an answer. HTTP/1.1 and HTTP/2 give names in lower case; other handlers may not. */
export function headerOf(answer: Answer, name: string): string | undefined {
  const { headers } = answer;
  if (Object.hasOwn(headers, name)) return headers[name];
  return Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1];
}

/** What the SDK tells of an answer besides its output. */
export function metadataOf(answer: Answer): AnswerMetadata {
  return {
    httpStatusCode: answer.statusCode,
    requestId:
      headerOf(answer, 'x-amzn-requestid') ??
      headerOf(answer, 'x-amzn-request-id') ??
      headerOf(answer, 'x-amz-request-id'),
    extendedRequestId: headerOf(answer, 'x-amz-id-2'),
    cfId: headerOf(answer, 'x-amz-cf-id'),
  };
}

/** Tells what the SDK knows of an answer with an error of Millrace's. A body that is no JSON is as unreadable as one that is no CBOR, and means the same to whoever called. */
function withMetadata(thrown: unknown, answer: Answer): unknown {
  const error =
    thrown instanceof SyntaxError && !('$metadata' in thrown)
      ? new UnreadableAnswer(`the answer is no JSON: ${thrown.message}`, { cause: thrown })
      : thrown;
  if (error instanceof UnreadableAnswer) error.$metadata ??= metadataOf(answer);
  return error;
}
