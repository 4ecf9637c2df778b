import type { IncomingHttpHeaders } from 'node:http';

/** The head of an answer. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** How an answer that is cut off half way ends. */
export type Cut =
  /** The connection is destroyed; over HTTP/2 all other calls on it go with it. */
  | 'connection'
  /** Over HTTP/2 only this call's stream is reset; over HTTP/1.1 the same as `connection`. */
  | 'stream'
  /** Nothing more comes. */
  | 'hang';

/** One request and the way to answer it, the same over HTTP/1.1 and HTTP/2. */
export interface Exchange {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly httpVersion: '1.1' | '2';
  /** Aborts when the caller has gone before the answer was complete. */
  readonly gone: AbortSignal;
  /** Answers at once; resolves when the bytes were handed on, and their buffers may be written again. */
  send(head: AnswerHead, chunks: readonly Uint8Array[]): Promise<void>;
  /** Begins an answer of unknown length. */
  open(head: AnswerHead): AnswerStream;
  /** Ends it without (the rest of) an answer. */
  cut(how: Cut): void;
}

/** The body of an answer that is written piece by piece. */
export interface AnswerStream {
  /** Resolves when the caller can take more; also when it has gone, which `gone` of the exchange tells. */
  write(chunk: Uint8Array): Promise<void>;
  end(): void;
}

/** Answers one request; never rejects. */
export type ExchangeHandler = (exchange: Exchange) => Promise<void>;
