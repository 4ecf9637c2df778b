import type { CancelTimer, Clock } from '../base/clock.ts';
import type { Progress } from '../monitor/progress.ts';
import type { TerminalStream } from './command-io.ts';
import { progressLine } from './render/progress.ts';

/** How often the line is drawn. */
const drawIntervalMillis = 1_000;
/** Columns of a terminal that does not say. */
const usualColumns = 80;
/** Back to the first column, and erase the line (ECMA-48). */
const eraseLine = '\r\u001b[K';

/**
 * Draws the progress on a terminal, always on the same line. Where stderr is not a terminal it draws nothing. Other
 * lines for the same terminal go through `write`, which takes the progress away first.
 */
export class ProgressDisplay {
  readonly #stream: TerminalStream;
  readonly #clock: Clock;
  readonly #read: () => Progress;
  #isDrawn = false;
  #cancel: CancelTimer = () => {};

  constructor(stream: TerminalStream, clock: Clock, read: () => Progress) {
    this.#stream = stream;
    this.#clock = clock;
    this.#read = read;
  }

  /** Begins to draw. */
  start(): void {
    if (this.#stream.isTTY !== true) return;
    this.#cancel = this.#clock.timer(drawIntervalMillis, () => this.#draw(), { keepAlive: false });
  }

  /** Ends it and leaves the line empty. */
  stop(): void {
    this.#cancel();
    this.#erase();
  }

  /** Writes a line of something else. */
  write(line: string): void {
    this.#erase();
    this.#stream.write(line);
  }

  #draw(): void {
    const line = progressLine(this.#read(), this.#stream.columns ?? usualColumns);
    this.#stream.write(`${eraseLine}${line}`);
    this.#isDrawn = true;
    this.start();
  }

  #erase(): void {
    if (this.#isDrawn) this.#stream.write(eraseLine);
    this.#isDrawn = false;
  }
}
