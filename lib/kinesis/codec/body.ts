import { UnreadableAnswer } from './unreadable.ts';

/**
 * The longest body that is read. A page has at most 10 MiB of data, a third more in base64, and 10,000 records whose names,
 * keys and numbers are at most 2 KB each.
 */
export const maxBodyBytes = 64 * 1024 * 1024;

/** The body of an answer as the SDK's handlers for Node give it: a stream, or bytes that somebody has collected. */
export interface BodyStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'end' | 'close' | 'aborted', listener: () => void): unknown;
  destroy(error?: Error): unknown;
}

/** Whether a body is a stream of Node. */
export function isBodyStream(body: unknown): body is BodyStream {
  return typeof body === 'object' && body !== null && 'on' in body && 'destroy' in body;
}

/**
 * Reads a whole body into one buffer of its own, copying each byte once. The length that the answer claims is not
 * believed: memory is taken for what has come.
 * @throws UnreadableAnswer when it is longer than {@link maxBodyBytes}; what the stream fails with; `ECONNRESET` when it
 * is closed before its end
 */
export function readBody(body: BodyStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let isOver = false;
    const over = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      settle();
      chunks.length = 0;
    };
    body.on('data', (chunk) => {
      if (isOver) return;
      length += chunk.length;
      chunks.push(chunk);
      if (length <= maxBodyBytes) return;
      over(() => reject(new UnreadableAnswer(`the answer is longer than ${maxBodyBytes} bytes`)));
      body.destroy();
    });
    body.on('end', () => over(() => resolve(joined(chunks, length))));
    body.on('error', (error) => over(() => reject(toError(error))));
    // A stream that is closed first was cut. For HTTP/2 there is no error then when the other side calls it a good end.
    body.on('close', () => over(() => reject(cutShort(length))));
  });
}

/** One buffer that holds nothing but these chunks, so that what keeps a view of it keeps nothing else. */
function joined(chunks: readonly Uint8Array[], length: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function cutShort(length: number): Error {
  return Object.assign(new Error(`the answer was cut after ${length} bytes`), { code: 'ECONNRESET' });
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
