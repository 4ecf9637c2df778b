import type { Page, Pages } from './reader.ts';

/** What a {@link PageIterator} takes its pages from. */
export interface PageSource {
  /** See `Pages`. */
  ready?(): Promise<void>;
  /** The next page, however long it takes; the one with `end` is the last. */
  read(): Promise<Page>;
  /** Called once, when nothing is read any more. */
  close(): Promise<void> | void;
}

/**
 * The pages of one shard, none of which is kept here once it was handed out. An async generator would keep one: while it
 * waits for the next page, everything that its variables last held stays in memory, which is a page of up to 10 MiB for
 * each shard, beside those that somebody has use for.
 */
export class PageIterator implements Pages, AsyncIterableIterator<Page, undefined> {
  readonly #source: PageSource;
  #isAtEnd = false;
  #isClosed = false;

  constructor(source: PageSource) {
    this.#source = source;
  }

  async ready(): Promise<void> {
    if (!this.#isAtEnd && !this.#isClosed) await this.#source.ready?.();
  }

  /** Not to be called again before the last call has settled. */
  async next(): Promise<IteratorResult<Page, undefined>> {
    if (this.#isAtEnd) await this.#close();
    if (this.#isClosed) return { done: true, value: undefined };
    try {
      const value = await this.#source.read();
      this.#isAtEnd = value.end !== undefined;
      return { done: false, value };
    } catch (thrown) {
      await this.#close();
      throw thrown;
    }
  }

  async return(): Promise<IteratorResult<Page, undefined>> {
    await this.#close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#source.close();
  }
}
