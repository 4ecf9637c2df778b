import type { Writable } from 'node:stream';
import { type Deferred, deferred } from '../base/service.ts';

/** Why nothing can be written any more: the reader went away, or the stream broke. */
export type OutputEnd = { readonly tag: 'closed' } | { readonly tag: 'failed'; readonly error: Error };

/**
 * Writes lines to a stream and knows when they have left the process. A reader that goes away (`| head -1`) is an
 * ordinary end, every other fault of the stream is a failure.
 */
export class LineOutput {
  readonly #stream: Writable;
  readonly #ended: Deferred<OutputEnd> = deferred<OutputEnd>();

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#ended.resolve(error.code === 'EPIPE' ? { tag: 'closed' } : { tag: 'failed', error });
    });
  }

  /** Resolves when nothing can be written any more; pending for ever as long as all is well. */
  get ended(): Promise<OutputEnd> {
    return this.#ended.promise;
  }

  /** Resolves when the text was handed to the system, which is also what holds back a writer that is too fast. */
  write(text: string): Promise<void> {
    if (text === '') return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#stream.write(text, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
