import { PassThrough, Writable } from 'node:stream';
import type { Clock } from '../../lib/base/clock.ts';
import type { CommandIo } from '../../lib/cli/command-io.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

/** A stream in memory. It can hold its writes back, and break like a pipe or a disk. */
export class MemoryStream extends Writable {
  readonly isTTY: boolean;
  readonly columns: number;
  text = '';
  #held: (() => void)[] | undefined;
  #fault: NodeJS.ErrnoException | undefined;

  constructor(options: { isTTY?: boolean; columns?: number } = {}) {
    super({ decodeStrings: false });
    this.isTTY = options.isTTY ?? false;
    this.columns = options.columns ?? 80;
  }

  /** Lets no write finish until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const finish of held) finish();
  }

  /** Makes every further write fail with this code. */
  breakWith(code: string): void {
    this.#fault = Object.assign(new Error(`write ${code}`), { code });
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const finish = () => {
      if (this.#fault === undefined) this.text += chunk;
      done(this.#fault);
    };
    if (this.#held === undefined) finish();
    else this.#held.push(finish);
  }
}

/** What is typed or piped in, in memory. */
export class MemoryInput extends PassThrough {
  readonly isTTY: boolean;

  constructor(options: { isTTY?: boolean } = {}) {
    super();
    this.isTTY = options.isTTY ?? false;
  }
}

/** The outside of a command, in memory and on virtual time unless it is given a clock. */
export class MemoryIo<C extends Clock = VirtualClock> implements CommandIo {
  readonly stdin: MemoryInput;
  readonly stdout: MemoryStream;
  readonly stderr: MemoryStream;
  readonly clock: C;
  readonly #handlers = new Set<(signalNumber: number) => void>();

  /** `isTTY` makes a terminal of all three streams. */
  constructor(options: { isTTY?: boolean; columns?: number; clock?: C } = {}) {
    this.stdin = new MemoryInput(options);
    this.stdout = new MemoryStream(options);
    this.stderr = new MemoryStream(options);
    this.clock = options.clock ?? (new VirtualClock() as Clock as C);
  }

  onSignal(handler: (signalNumber: number) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Handlers that are listening. */
  get signalHandlers(): number {
    return this.#handlers.size;
  }

  signal(signalNumber: number): void {
    for (const handler of this.#handlers) handler(signalNumber);
  }
}
