import type { CancelTimer, Clock } from '../base/clock.ts';
import type { TerminalStream } from './command-io.ts';

/** How often the line is drawn. */
const drawIntervalMillis = 1_000;
/** Columns of a terminal that does not say. */
const usualColumns = 80;
/** Back to the first column, and erase the line (ECMA-48). */
const eraseLine = '\r\u001b[K';

/**
 * Draws the progress on a terminal, always on the same line. Where stderr is not a terminal it draws nothing. Other
 * lines for the same terminal go through `write`, which takes the progress away first, or come after `giveWayTo`.
 */
export class ProgressDisplay {
  readonly #stream: TerminalStream;
  readonly #clock: Clock;
  readonly #line: (columns: number) => string;
  #isDrawn = false;
  #cancel: CancelTimer = () => {};

  /** `line` makes what is drawn, at most as wide as the terminal. */
  constructor(stream: TerminalStream, clock: Clock, line: (columns: number) => string) {
    this.#stream = stream;
    this.#clock = clock;
    this.#line = line;
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

  /** Takes the progress away where lines are about to be written to another stream that is a terminal as well: likely the same. */
  giveWayTo(stream: TerminalStream): void {
    if (stream.isTTY === true) this.#erase();
  }

  /** Writes a line of something else. */
  write(line: string): void {
    this.#erase();
    this.#stream.write(line);
  }

  #draw(): void {
    const columns = this.#stream.columns ?? usualColumns;
    this.#stream.write(`${eraseLine}${this.#line(columns).slice(0, Math.max(0, columns - 1))}`);
    this.#isDrawn = true;
    this.start();
  }

  #erase(): void {
    if (this.#isDrawn) this.#stream.write(eraseLine);
    this.#isDrawn = false;
  }
}
