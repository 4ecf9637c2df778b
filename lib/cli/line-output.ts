import type { Writable } from 'node:stream';
import { MillraceError } from '../base/error.ts';
import { type Deferred, deferred } from '../base/service.ts';

/** Why nothing can be written any more: the reader went away, or the stream broke. */
export type OutputEnd = { readonly tag: 'closed' } | { readonly tag: 'failed'; readonly error: Error };

/**
 * Writes lines to a stream and knows when they have left the process. A reader that goes away (`| head -1`) is an
 * ordinary end, every other fault of the stream is a failure.
 */
export class LineOutput {
  readonly #stream: Writable;
  readonly #beforeWrite: () => void;
  readonly #ended: Deferred<OutputEnd> = deferred<OutputEnd>();

  /** `beforeWrite` is called before each text that is written. */
  constructor(stream: Writable, beforeWrite: () => void = () => {}) {
    this.#stream = stream;
    this.#beforeWrite = beforeWrite;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#ended.resolve(isClosedOutput(error) ? { tag: 'closed' } : { tag: 'failed', error });
    });
  }

  /** Resolves when nothing can be written any more; pending for ever as long as all is well. */
  get ended(): Promise<OutputEnd> {
    return this.#ended.promise;
  }

  /**
   * Resolves when the text was handed to the system, which is also what holds back a writer that is too fast. Rejects with
   * what {@link isClosedOutput} knows when the reader has gone, which `main` takes for an ordinary end.
   * @throws MillraceError `MR_INTERNAL` when the stream breaks in another way
   */
  write(text: string | Uint8Array): Promise<void> {
    if (text.length === 0) return Promise.resolve();
    this.#beforeWrite();
    return new Promise((resolve, reject) => {
      this.#stream.write(text, (error) => {
        if (error) reject(isClosedOutput(error) ? error : outputFailed(error));
        else resolve();
      });
    });
  }
}

/** Whether a stream was written to whose reader has gone. */
export function isClosedOutput(thrown: unknown): boolean {
  const { code, syscall } = (thrown ?? {}) as NodeJS.ErrnoException;
  return code === 'EPIPE' && (syscall === undefined || syscall === 'write');
}

/** The error for an output that broke although its reader is there, such as a full disk. */
export function outputFailed(cause: Error): MillraceError {
  return new MillraceError(
    'MR_INTERNAL',
    `standard output cannot be written: ${cause.message}; see to its disk or reader and start again, nothing is lost`,
    { cause },
  );
}
