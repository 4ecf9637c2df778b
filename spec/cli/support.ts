import { Writable } from 'node:stream';
import type { CommandIo } from '../../lib/cli/command-io.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

/** A stream in memory. It can hold its writes back, and break like a pipe or a disk. */
export class MemoryStream extends Writable {
  readonly isTTY: boolean;
  readonly columns = 80;
  text = '';
  #held: (() => void)[] | undefined;
  #fault: NodeJS.ErrnoException | undefined;

  constructor(options: { isTTY?: boolean } = {}) {
    super({ decodeStrings: false });
    this.isTTY = options.isTTY ?? false;
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

/** The outside of a command, in memory and on virtual time. */
export class MemoryIo implements CommandIo {
  readonly stdout = new MemoryStream();
  readonly stderr: MemoryStream;
  readonly clock = new VirtualClock();
  readonly #handlers = new Set<(signalNumber: number) => void>();

  constructor(options: { isTTY?: boolean } = {}) {
    this.stderr = new MemoryStream(options);
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
