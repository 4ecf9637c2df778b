import { once } from 'node:events';
import {
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  constants,
  createServer,
} from 'node:http2';
import type { AnswerHead, AnswerStream, Cut, Exchange, ExchangeHandler } from './exchange.ts';
import { readBody } from './http1.ts';

/** Calls at once on one connection; Kinesis allows 128. */
const maxConcurrentStreams = 128;
/** What one session may hold back for a slow caller, in megabytes; Node's 10 are fewer than two pages of GetRecords. */
const maxSessionMemory = 512;
/** How much a caller may send ahead, in bytes. */
const initialWindowSize = 1024 * 1024;

/** A server of HTTP/2 that does not listen itself: it is given connections, encrypted or not. */
export function createHttp2(handler: ExchangeHandler): Http2Server {
  const server = createServer({ maxSessionMemory, settings: { maxConcurrentStreams, initialWindowSize } });
  server.on('stream', (stream, headers) => {
    // A caller that resets its stream, or whose connection breaks, is no event of interest.
    stream.on('error', () => {});
    readBody(stream, (body) => {
      if (body !== undefined) void handler(new Http2Exchange(stream, headers, body));
      else stream.respond({ ':status': 413 }, { endStream: true });
    });
  });
  server.on('sessionError', () => {});
  return server;
}

class Http2Exchange implements Exchange {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly httpVersion = '2';
  readonly #stream: ServerHttp2Stream;
  #gone: AbortController | undefined;
  /** Whether this side has ended the answer; Node also ends a stream that the caller has reset. */
  #isEnded = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer) {
    this.#stream = stream;
    this.headers = headers;
    this.body = body;
  }

  get gone(): AbortSignal {
    if (this.#gone === undefined) {
      const controller = new AbortController();
      this.#gone = controller;
      const stream = this.#stream;
      if (stream.destroyed) controller.abort();
      stream.once('close', () => {
        if (!this.#isEnded) controller.abort(new Error('the caller has gone'));
      });
    }
    return this.#gone.signal;
  }

  send(head: AnswerHead, chunks: readonly Uint8Array[]): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve) => {
      if (!this.#respond(head)) {
        resolve();
        return;
      }
      stream.once('close', resolve);
      const last = chunks.length - 1;
      for (let index = 0; index < last; index += 1) stream.write(chunks[index]);
      this.#isEnded = true;
      stream.end(chunks[last]);
    });
  }

  open(head: AnswerHead): AnswerStream {
    const stream = this.#stream;
    const { gone } = this;
    this.#respond(head);
    return {
      write: async (chunk) => {
        if (gone.aborted || stream.destroyed || stream.write(chunk)) return;
        await once(stream, 'drain', { signal: gone }).catch(() => {});
      },
      end: () => {
        this.#isEnded = true;
        stream.end();
      },
    };
  }

  cut(how: Cut): void {
    const { session } = this.#stream;
    if (how === 'connection') session?.destroy();
    else if (how === 'stream') this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  #respond(head: AnswerHead): boolean {
    if (this.#stream.destroyed || this.#stream.headersSent) return false;
    this.#stream.respond({ ':status': head.status, ...head.headers });
    return true;
  }
}
