import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AnswerHead, AnswerStream, Cut, Exchange, ExchangeHandler } from './exchange.ts';

/** How long an idle connection is kept; clients on a busy machine may pause for long. */
const idleConnectionMillis = 120_000;
/** The longest request body; DynamoDB takes 16 MiB, PutRecords 10 MiB. */
export const maxRequestBytes = 32 * 1024 * 1024;

/** A server of HTTP/1.1 that does not listen itself: it is given connections. */
export function createHttp1(handler: ExchangeHandler): Server {
  const server = createServer({ noDelay: true, keepAlive: true, requestTimeout: 0 }, (request, response) => {
    readBody(request, (body) => {
      if (body === undefined) response.writeHead(413, { connection: 'close' }).end();
      else void handler(new Http1Exchange(request, response, body));
    });
  });
  server.keepAliveTimeout = idleConnectionMillis;
  return server;
}

/** Collects a body; `undefined` when it is longer than a request may be. A caller that goes meanwhile is forgotten. */
export function readBody(
  source: { on(event: 'data', listener: (chunk: Buffer) => void): unknown } & {
    on(event: 'end', listener: () => void): unknown;
  },
  done: (body: Buffer | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  source.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes <= maxRequestBytes) chunks.push(chunk);
  });
  source.on('end', () => {
    if (bytes > maxRequestBytes) done(undefined);
    else done(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
  });
}

class Http1Exchange implements Exchange {
  readonly body: Buffer;
  readonly httpVersion = '1.1';
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #gone: AbortController | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, body: Buffer) {
    this.#request = request;
    this.#response = response;
    this.body = body;
  }

  get headers() {
    return this.#request.headers;
  }

  get gone(): AbortSignal {
    if (this.#gone === undefined) {
      const controller = new AbortController();
      this.#gone = controller;
      const response = this.#response;
      if (response.destroyed) controller.abort();
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the caller has gone'));
      });
    }
    return this.#gone.signal;
  }

  send(head: AnswerHead, chunks: readonly Uint8Array[]): Promise<void> {
    const response = this.#response;
    if (response.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      response.once('close', resolve);
      response.writeHead(head.status, head.headers);
      const last = chunks.length - 1;
      for (let index = 0; index < last; index += 1) response.write(chunks[index]);
      response.end(chunks[last]);
    });
  }

  open(head: AnswerHead): AnswerStream {
    const response = this.#response;
    const { gone } = this;
    if (!response.destroyed) {
      response.writeHead(head.status, head.headers);
      response.flushHeaders();
    }
    return {
      write: async (chunk) => {
        if (gone.aborted || response.write(chunk)) return;
        await once(response, 'drain', { signal: gone }).catch(() => {});
      },
      end: () => void response.end(),
    };
  }

  cut(how: Cut): void {
    if (how !== 'hang') this.#request.socket.destroy();
  }
}
