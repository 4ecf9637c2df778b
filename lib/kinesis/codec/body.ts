import { UnreadableAnswer } from './unreadable.ts';

/**
 * The longest body that is read. A page has at most 10 MiB of data, a third more in base64, and 10,000 records whose names,
 * keys and numbers are at most 2 KB each.
 */
export const maxBodyBytes = 64 * 1024 * 1024;

/** A body in this many pieces is put together: there are never more objects than bytes deserve. */
const maxChunks = 4_096;

/** The body of an answer as the SDK's handlers for Node give it. */
export interface BodyStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  destroy(error?: Error): unknown;
}

/** Whether a body is a stream of Node. */
export function isBodyStream(body: unknown): body is BodyStream {
  return typeof body === 'object' && body !== null && 'on' in body && 'destroy' in body;
}

/** The length in the head of an answer; `undefined` when there is none. */
export function toldLength(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}

/**
 * Reads a whole body, as the pieces in which it came from the network (256 KiB at most, see `app/http-agents.ts`): nothing is copied, and a view of a
 * piece keeps no more than that piece in memory. No memory is taken because of a length that is only told.
 * @throws UnreadableAnswer when the body is longer than {@link maxBodyBytes}; what the stream fails with; `ECONNRESET` when
 * it is closed before its end, or ends before the told length
 */
export function readBody(body: BodyStream, toldBytes: number | undefined): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let length = 0;
    const refuse = () => {
      chunks = [];
      reject(new UnreadableAnswer(`the answer is longer than ${maxBodyBytes} bytes`));
      body.destroy();
    };
    let isOver = false;
    const cut = () => {
      // An error is not made for nothing: most bodies are closed after their end.
      if (!isOver) reject(cutShort(length));
    };
    body.on('error', (error) => reject(error instanceof Error ? error : new Error(String(error))));
    body.on('data', (chunk) => {
      length += chunk.length;
      if (length > maxBodyBytes) {
        refuse();
        return;
      }
      chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      if (chunks.length === maxChunks) chunks = [joinChunks(chunks)];
    });
    body.on('end', () => {
      if (toldBytes !== undefined && length < toldBytes) cut();
      else resolve(chunks);
      isOver = true;
    });
    // Without an end the stream was cut: over HTTP/2 there is no error when the other side calls it a good end.
    body.on('close', cut);
    if (toldBytes !== undefined && toldBytes > maxBodyBytes) refuse();
  });
}

/** One buffer with all bytes of a body. */
export function joinChunks(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks);
}

/** The bytes of all pieces together. */
export function lengthOf(chunks: readonly Buffer[]): number {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  return length;
}

function cutShort(length: number): Error {
  return Object.assign(new Error(`the answer was cut after ${length} bytes`), { code: 'ECONNRESET' });
}
