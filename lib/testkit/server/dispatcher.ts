import { crc32 } from 'node:zlib';
import { type Clock, sleep } from '../../base/clock.ts';
import { messageOf } from '../../base/error.ts';
import { awsError } from '../aws-error.ts';
import type { Counters } from './counters.ts';
import { eventStreamType } from './event-stream.ts';
import type { AnswerHead, Exchange } from './exchange.ts';
import type { AnswerEffect, FaultBook } from './faults.ts';
import { sendHarmed, streamHarmed } from './harm.ts';
import { RequestReader } from './request.ts';
import type { FakeService, Reply } from './service.ts';
import { type WireFormat, jsonFormat } from './wire-format.ts';

/** What a {@link Dispatcher} works with. */
export interface DispatcherOptions {
  readonly services: readonly FakeService[];
  readonly clock: Clock;
  readonly faults: FaultBook;
  readonly counters: Counters;
  /** How long every call takes at least. */
  readonly latencyMillis: number;
  /** The time in the Date header, milliseconds since 1970. */
  readonly nowMillis: () => number;
}

/** A refusal, as it is written. */
interface Refusal {
  readonly status: number;
  readonly name: string;
  readonly body: Buffer;
}

const plainJson = jsonFormat('1.1');

/** Takes requests apart, finds the service, lets faults happen, and writes the answers. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #answers = 0;
  #date = { second: -1, text: '' };

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Answers one request; never rejects. */
  readonly handle = async (exchange: Exchange): Promise<void> => {
    const [target = '', operation = ''] = String(exchange.headers['x-amz-target'] ?? '').split('.');
    const service = this.#options.services.find((one) => one.target === target);
    const type = exchange.headers['content-type'];
    const format = service?.formats.find((one) => one.contentType === type);
    this.#options.counters.countCall(operation, exchange.body.length);
    try {
      if (service === undefined || format === undefined) throw unknownOperation(target, operation, type);
      if (exchange.headers.authorization === undefined) {
        throw awsError('MissingAuthenticationTokenException', 'Request is missing Authentication Token');
      }
      const request = new RequestReader(decode(format, exchange.body), format);
      const verdict = this.#options.faults.judge(operation, () => service.subjectOf(request));
      await this.#wait(verdict.delayMillis, exchange);
      if (verdict.error !== undefined) throw injected(verdict.error);
      const reply = service.answer({ operation, request, format, gone: () => exchange.gone });
      if (reply === undefined) throw unknownOperation(target, operation, type);
      await this.#send(exchange, reply, format, service, verdict.answer);
    } catch (thrown) {
      const refusal = refusalOf(thrown, service, format ?? plainJson);
      this.#options.counters.countRefusal(operation, refusal.name);
      const head = this.#head(refusal.status, format ?? plainJson, refusal.body.length);
      await exchange.send(head, [refusal.body]);
    }
  };

  async #wait(delayMillis: number, exchange: Exchange): Promise<void> {
    const { clock, latencyMillis } = this.#options;
    const millis = delayMillis + latencyMillis;
    // A caller that goes meanwhile has sent its request all the same: it is applied.
    if (millis > 0) await sleep(clock, millis, exchange.gone).catch(() => {});
  }

  async #send(
    exchange: Exchange,
    reply: Reply,
    format: WireFormat,
    service: FakeService,
    effect: AnswerEffect | undefined,
  ): Promise<void> {
    const { counters } = this.#options;
    if (reply.kind === 'events') {
      counters.openStreams += 1;
      try {
        const head = this.#head(200, { contentType: eventStreamType }, undefined);
        await streamHarmed(exchange, head, reply.frames, effect, (bytes) => {
          counters.bytesSent += bytes;
        });
      } finally {
        counters.openStreams -= 1;
      }
      return;
    }
    const chunks = reply.kind === 'bytes' ? reply.chunks : [format.encode(reply.value)];
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const head = this.#head(200, format, bytes, service.checksums ? chunks : []);
    counters.bytesSent += bytes;
    if (effect === undefined) await exchange.send(head, chunks);
    else await sendHarmed(exchange, head, chunks, effect);
    if (reply.kind === 'bytes') reply.done?.();
  }

  #head(
    status: number,
    { contentType }: Pick<WireFormat, 'contentType'>,
    length: number | undefined,
    checked: readonly Uint8Array[] = [],
  ): AnswerHead {
    this.#answers += 1;
    return {
      status,
      headers: {
        'content-type': contentType,
        date: this.#dateText(),
        'x-amzn-requestid': `00000000-0000-4000-8000-${String(this.#answers).padStart(12, '0')}`,
        ...(length === undefined ? {} : { 'content-length': String(length) }),
        ...(checked.length === 0
          ? {}
          : { 'x-amz-crc32': String(checked.reduce((sum, chunk) => crc32(chunk, sum), 0)) }),
      },
    };
  }

  #dateText(): string {
    const second = Math.floor(this.#options.nowMillis() / 1_000);
    if (second !== this.#date.second) this.#date = { second, text: new Date(second * 1_000).toUTCString() };
    return this.#date.text;
  }
}

function decode(format: WireFormat, body: Buffer) {
  try {
    return format.decode(body);
  } catch (thrown) {
    throw awsError('SerializationException', messageOf(thrown));
  }
}

function unknownOperation(target: string, operation: string, type: string | undefined): Error {
  return awsError(
    'UnknownOperationException',
    `this fake AWS has no operation ${target}.${operation} with content type ${type ?? '(none)'}`,
  );
}

function injected({ name, message, statusCode }: { name: string; message?: string; statusCode?: number }): Error {
  return awsError(name, message ?? `injected ${name}`, statusCode ?? 400);
}

/** Members of an error that are not shown, or shown in another place. */
const innerMembers = new Set(['name', 'message', 'stack', '$fault', '$metadata']);

function refusalOf(thrown: unknown, service: FakeService | undefined, format: WireFormat): Refusal {
  const error = thrown as Error & { $metadata?: { httpStatusCode?: number } };
  const status = error.$metadata?.httpStatusCode;
  // Anything that was not made by `awsError` is a fault of the fake itself, and must be seen.
  const name = status === undefined ? 'InternalFailure' : error.name;
  const more = Object.entries(error).filter(([key]) => status !== undefined && !innerMembers.has(key));
  const message = messageOf(thrown);
  const body = format.encode({
    __type: `${service?.errorPrefix ?? ''}${name}`,
    message,
    ...Object.fromEntries(more),
  });
  return { status: status ?? 500, name, body };
}
