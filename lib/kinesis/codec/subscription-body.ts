import { type Deferred, deferred } from '../../base/service.ts';
import type { BodyStream } from './body.ts';
import { type EventFrame, EventFrames } from './event-frames.ts';
import { type SubscribeEvent, decodeSubscribeEvent } from './subscribe-event.ts';
import { UnreadableAnswer } from './unreadable.ts';

/** The body of an answer that goes on for minutes, as the SDK's handlers for Node give it. */
export interface EventBody extends BodyStream {
  pause(): unknown;
  resume(): unknown;
}

/** Whether a body is a stream that can be held back. */
export function isEventBody(body: unknown): body is EventBody {
  return typeof body === 'object' && body !== null && 'on' in body && 'pause' in body && 'resume' in body;
}

/** The refusal that a message of the event stream carries, in the shape of an error of the SDK. */
class StreamRefusal extends Error {
  override readonly name: string;
  readonly $fault: 'client' | 'server';
  readonly $metadata = { httpStatusCode: 200 };

  constructor(name: string, message: string) {
    super(message);
    this.name = name;
    this.$fault = name.startsWith('Internal') ? 'server' : 'client';
  }
}

/**
 * The events of one subscription, out of the body of its answer. The body is read only while somebody waits for an event,
 * so that a slow consumer holds the service back and not the memory of this process.
 */
export class SubscriptionBody {
  readonly #body: EventBody;
  readonly #frames = new EventFrames();
  #receivedBytes = 0;
  #waiting: Deferred<void> | undefined;
  #end: { readonly error?: unknown } | undefined;

  constructor(body: EventBody) {
    this.#body = body;
    body.on('data', (piece) => {
      this.#receivedBytes += piece.length;
      this.#frames.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
      if (this.#frames.isReady) this.#wake();
    });
    body.on('error', (error) => this.#finish({ error }));
    body.on('end', () => this.#finish({}));
    // After an end this does nothing. Without one the stream was cut: over HTTP/2 there may be no error then.
    body.on('close', () => this.#finish({ error: cutOff('the event stream was cut') }));
    body.pause();
  }

  /** Bytes that came so far: an event that is long on its way is no silence. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /**
   * The next event; `undefined` when the service has ended the subscription. One call at a time.
   * @throws UnreadableAnswer for what is no event stream; the exception that the service ended it with; `ECONNRESET` when it
   * was cut
   */
  async next(): Promise<SubscribeEvent | undefined> {
    for (;;) {
      const frame = this.#frames.next();
      if (frame !== undefined) {
        const event = eventOf(frame);
        if (event !== undefined) return event;
        continue;
      }
      const end = this.#end;
      if (end?.error !== undefined) throw end.error as Error;
      if (end !== undefined) {
        if (this.#frames.pendingBytes === 0) return undefined;
        throw cutOff(`the event stream ended ${this.#frames.pendingBytes} bytes into a frame`);
      }
      this.#waiting = deferred();
      this.#body.resume();
      await this.#waiting.promise;
    }
  }

  /** Ends the subscription from this side. */
  close(): void {
    this.#finish({ error: cutOff('the subscription was closed') });
    this.#body.destroy();
  }

  #finish(end: { readonly error?: unknown }): void {
    this.#end ??= end;
    this.#wake();
  }

  #wake(): void {
    this.#body.pause();
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

/** What a message brings: an event with records, or nothing of interest. Messages of kinds to come are passed over. */
function eventOf({ headers, payload }: EventFrame): SubscribeEvent | undefined {
  switch (headers.get(':message-type')) {
    case 'event':
      return headers.get(':event-type') === 'SubscribeToShardEvent' ? decodeSubscribeEvent(payload) : undefined;
    case 'exception':
      throw new StreamRefusal(headers.get(':exception-type') ?? 'UnknownError', messageIn(payload));
    case 'error':
      throw new StreamRefusal(headers.get(':error-code') ?? 'UnknownError', headers.get(':error-message') ?? '');
    default:
      throw new UnreadableAnswer('a message of the event stream is neither event nor exception');
  }
}

function messageIn(payload: readonly Buffer[]): string {
  const text = Buffer.concat(payload).toString('utf8');
  try {
    const tree: unknown = JSON.parse(text);
    if (typeof tree === 'object' && tree !== null) {
      for (const name of ['message', 'Message']) {
        const message: unknown = Reflect.get(tree, name);
        if (typeof message === 'string') return message;
      }
    }
  } catch {
    // Then it is a text.
  }
  return text;
}

function cutOff(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}
