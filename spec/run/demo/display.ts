import type { CancelTimer, Clock } from '../../../lib/base/clock.ts';
import { type DemoSnapshot, progressText, tableLines } from './table.ts';

/** Where the demo is shown. */
export interface DisplayStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** What {@link Display} needs. */
export interface DisplayOptions {
  readonly stream: DisplayStream;
  readonly clock: Clock;
  /** Whether the stream can move its cursor; else lines of progress are written. */
  readonly isLive: boolean;
  readonly read: () => DemoSnapshot;
}

const drawIntervalMillis = 250;
const lineIntervalMillis = 3_000;
/** Size of a terminal that does not say. */
const usualColumns = 80;
const usualRows = 24;
/** Erases from the cursor to the end of the line, and to the end of the screen (ECMA-48). */
const eraseLine = '\u001b[K';
const eraseBelow = '\u001b[J';

/** Shows the demo: a table that is drawn again in place four times a second, or a line of progress every three seconds. */
export class Display {
  readonly #options: DisplayOptions;
  #drawnLines = 0;
  #cancel: CancelTimer = () => {};

  constructor(options: DisplayOptions) {
    this.#options = options;
  }

  /** Begins; it goes on until `stop`. */
  start(): void {
    if (this.#options.isLive) this.#draw();
    this.#wait();
  }

  /** Ends it. The table stays, as it is now; what is written next stands below it. */
  stop(): void {
    this.#cancel();
    if (this.#options.isLive) this.#draw();
    this.#drawnLines = 0;
  }

  /** Writes a line to the stream when it has no table. */
  note(line: string): void {
    if (!this.#options.isLive) this.#options.stream.write(`${line}\n`);
  }

  #wait(): void {
    const { clock, isLive } = this.#options;
    this.#cancel = clock.timer(
      isLive ? drawIntervalMillis : lineIntervalMillis,
      () => {
        if (isLive) this.#draw();
        else this.note(progressText(this.#options.read()));
        this.#wait();
      },
      { keepAlive: true },
    );
  }

  #draw(): void {
    const { stream, read } = this.#options;
    // A line more than the terminal has would scroll, and the cursor would not find the first one again.
    const lines = tableLines(read(), stream.columns ?? usualColumns).slice(0, (stream.rows ?? usualRows) - 1);
    const back = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A\r`;
    stream.write(`${back}${lines.map((line) => `${line}${eraseLine}\n`).join('')}${eraseBelow}`);
    this.#drawnLines = lines.length;
  }
}
