import type { Random } from './random.ts';

/** A request as the SDK has sent it, in the shape that its signers and handlers share. */
export interface SentRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** An answer as the SDK's handlers give it. */
export interface RawAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** One call that went through all layers of the SDK, as a middleware of its last step has seen it. */
export interface SeenCall {
  readonly request: unknown;
  readonly response: unknown;
  /** The context of its handlers. */
  readonly context: object;
}

/** What {@link LeanCall} needs. */
export interface LeanCallOptions {
  /** The resolved configuration of the SDK's client: its handler, its protocol. */
  readonly config: object;
  /** For the number of each call that the service's operators can search for. */
  readonly random: Random;
  /** Hears the head of each answer, before it is decoded. */
  readonly onAnswer?: (answer: RawAnswer) => void;
}

/** Headers that belong to one call: made again for each, or by signing it. */
const headersOfOneCall: ReadonlySet<string> = new Set([
  'amz-sdk-invocation-id',
  'authorization',
  'content-length',
  'date',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-security-token',
]);

/** A header that the SDK sets from what the process is doing, so that no call is like the one before. */
const tracingHeader = 'x-amzn-trace-id';

/**
 * Makes one call again and again past most layers of the SDK, which cost about a millisecond of processor time a call
 * whatever it brings. It learns from a call that the SDK has made as a whole where to and how: endpoint, headers, signer.
 * The parts that matter stay the SDK's: its signer (credentials as they are now, the correction of a wrong clock), its request
 * handler (connections, time-outs, abort) and its protocol, which also makes the errors. Left out are the stack of
 * middlewares, the rules of endpoints, serializers and the SDK's retries, so it is for clients with `maxAttempts: 1` alone.
 *
 * It is used only while all goes well. After anything else than an answer it forgets what it knew, and the next call is the
 * SDK's again.
 */
export class LeanCall {
  readonly #options: LeanCallOptions;
  #way: Way | undefined;

  constructor(options: LeanCallOptions) {
    this.#options = options;
  }

  /** Learns from a call that was answered, unless one is known, or something about it is not as the SDK usually does it. */
  learn(call: SeenCall): void {
    const { config } = this.#options;
    // A client that was given another codec writes and reads in another form.
    if (this.#way?.protocol !== (config as LeanConfig).protocol) this.#way = wayOf(call, config);
  }

  /**
   * Makes the call with the body that `encode` makes for a content type. Answers with what the client's protocol makes of
   * the answer, or with `undefined`, and nothing sent, when nothing is known: then the SDK is to make it.
   * @throws what the SDK's signer, handler and protocol throw
   */
  async send(encode: (contentType: string) => Uint8Array, signal: AbortSignal): Promise<object | undefined> {
    const way = this.#way;
    const { requestHandler, protocol } = this.#options.config as LeanConfig;
    if (way === undefined || way.protocol !== protocol) return undefined;
    const { signer, properties } = way;
    // The signer notes in them when it signed.
    const signing = { ...properties };
    let answer: RawAnswer | undefined;
    try {
      const signed = await signer.sign(this.#request(way, encode), way.identity, signing);
      answer = (await requestHandler.handle(signed, { abortSignal: signal })).response;
      this.#options.onAnswer?.(answer);
      const output = await protocol.deserializeResponse(way.operation, way.context, answer);
      signer.successHandler(answer, signing);
      return output;
    } catch (thrown) {
      // Not what another call has learned since.
      if (this.#way === way) this.#way = undefined;
      // Notes a wrong clock, which it knows by the answer, and throws it again.
      signer.errorHandler(signing)(withAnswer(thrown, answer));
      throw thrown;
    }
  }

  #request({ request }: Way, encode: (contentType: string) => Uint8Array): SentRequest {
    const body = encode(request.headers['content-type'] ?? '');
    const headers = {
      ...request.headers,
      'amz-sdk-invocation-id': uuid(this.#options.random),
      'content-length': String(body.length),
    };
    return { ...request, headers, body };
  }
}

/** The SDK's signer of an authentication scheme. */
interface Signer {
  sign(request: SentRequest, identity: unknown, properties: object): Promise<SentRequest>;
  errorHandler(properties: object): (error: unknown) => unknown;
  successHandler(answer: RawAnswer, properties: object): void;
}

/** What is used of the configuration of a client, read anew for each call. */
interface LeanConfig {
  readonly requestHandler: {
    handle(request: SentRequest, options: { readonly abortSignal: AbortSignal }): Promise<{ response: RawAnswer }>;
  };
  readonly protocol: { deserializeResponse(operation: object, context: object, answer: RawAnswer): Promise<object> };
}

/** How a call is made. */
interface Way {
  /** Without body, and without the headers of one call. */
  readonly request: SentRequest;
  readonly signer: Signer;
  readonly identity: unknown;
  readonly properties: object;
  readonly protocol: object;
  readonly operation: object;
  /** What the protocol is told of the call. */
  readonly context: object;
}

/** The one scheme whose signer is known to take the credentials at each signing, and to correct the clock. */
const signedScheme = 'aws.auth#sigv4';

function wayOf({ request, response, context }: SeenCall, config: object): Way | undefined {
  if (!isRequest(request) || !isAnswer(response) || response.statusCode >= 300) return undefined;
  const smithy = at(context, '__smithy_context');
  const scheme = at(smithy, 'selectedHttpAuthScheme');
  const option = at(scheme, 'httpAuthOption');
  const signer = at(scheme, 'signer');
  const properties = at(option, 'signingProperties');
  const operation = operationOf(at(smithy, 'operationSchema'));
  if (at(option, 'schemeId') !== signedScheme || !isSigner(signer) || !isConfig(config)) return undefined;
  if (!isObject(properties) || operation === undefined || tracingHeader in request.headers) return undefined;
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !headersOfOneCall.has(name.toLowerCase())),
  );
  return {
    request: { ...request, headers, body: undefined },
    signer,
    identity: at(scheme, 'identity'),
    properties,
    protocol: config.protocol,
    operation,
    context: { ...config, ...context },
  };
}

/** The SDK's schema of an operation is a list; its protocols take an object. */
function operationOf(schema: unknown): object | undefined {
  if (!Array.isArray(schema) || schema.length < 6) return undefined;
  const [, namespace, name, traits, input, output] = schema as unknown[];
  return { namespace, name, traits, input, output };
}

/** As the SDK does it: an error knows its answer, out of sight. */
function withAnswer(thrown: unknown, answer: RawAnswer | undefined): unknown {
  if (answer !== undefined && isObject(thrown)) Reflect.defineProperty(thrown, '$response', { value: answer });
  return thrown;
}

/** A random UUID (version 4). */
function uuid(random: Random): string {
  const digits = random.hex(32);
  const parts = [digits.slice(0, 8), digits.slice(8, 12), `4${digits.slice(13, 16)}`, `a${digits.slice(17, 20)}`];
  return [...parts, digits.slice(20)].join('-');
}

function at(value: unknown, name: string): unknown {
  return isObject(value) ? (Reflect.get(value, name) as unknown) : undefined;
}

function isRequest(value: unknown): value is SentRequest {
  return isObject(at(value, 'headers'));
}

function isAnswer(value: unknown): value is RawAnswer {
  return typeof at(value, 'statusCode') === 'number' && isObject(at(value, 'headers'));
}

function isSigner(value: unknown): value is Signer {
  return ['sign', 'errorHandler', 'successHandler'].every((name) => typeof at(value, name) === 'function');
}

function isConfig(config: object): config is LeanConfig {
  const handle = at(at(config, 'requestHandler'), 'handle');
  return typeof handle === 'function' && typeof at(at(config, 'protocol'), 'deserializeResponse') === 'function';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
