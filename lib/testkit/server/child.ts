import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ChildMessage, ChildRequest } from './child-main.ts';
import type { FakeAws, FakeAwsCommand, FakeAwsStats } from './fake-aws.ts';
import type { BulkStreamFigures } from './kinesis/bulk-stream.ts';
import type { FakeAwsSettings } from './options.ts';

/** Options of {@link startFakeAwsChild}. */
export interface FakeAwsChildOptions extends FakeAwsSettings {
  /** Arguments of Node for the child; this process' own unless told otherwise. */
  readonly execArgv?: readonly string[];
}

/**
 * Starts a fake AWS in a process of its own, so that its CPU time is not the caller's. It ends with `stop`, and with this
 * process however that ends. Rejects when the child ends before it serves.
 */
export async function startFakeAwsChild(options: FakeAwsChildOptions = {}): Promise<FakeAws> {
  const { execArgv, ...settings } = options;
  const child = fork(programFile(), [JSON.stringify(settings)], {
    ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    env: {},
    // So that bytes of prepared records arrive as bytes.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const line = new CommandLine(child);
  const { endpoint, tlsEndpoint, ca } = await line.ready;
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= line.end());
  return {
    endpoint,
    tlsEndpoint,
    ca,
    inject: async (fault) => void (await line.send({ kind: 'inject', fault })),
    clearFaults: async () => void (await line.send({ kind: 'clearFaults' })),
    createBulkStream: async (bulk) =>
      (await line.send({ kind: 'createBulkStream', options: bulk })) as BulkStreamFigures,
    stats: async () => (await line.send({ kind: 'stats' })) as FakeAwsStats,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The program beside this file: TypeScript when this is, compiled when this is. */
function programFile(): string {
  const url = new URL('./child-main.ts', import.meta.url).href;
  return fileURLToPath(import.meta.url.endsWith('.ts') ? url : url.replace(/\.ts$/, '.js'));
}

/** How much of the child's last words an error quotes. */
const lastWordsLimit = 2_000;

type Ready = ChildMessage & { kind: 'ready' };

/** The commands under way to a child. */
class CommandLine {
  readonly ready: Promise<Ready>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #made = 0;
  #lastWords = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-lastWordsLimit);
    });
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
    this.ready = new Promise((resolve, reject) => {
      child.on('message', (message: ChildMessage) => {
        if (message.kind === 'ready') resolve(message);
        else this.#settle(message);
      });
      const fail = (error?: Error) => {
        const gone = new Error(`the fake AWS in process ${child.pid ?? '(none)'} has ended: ${this.#lastWords}`, {
          cause: error,
        });
        reject(gone);
        for (const { reject: rejectOne } of this.#waiting.values()) rejectOne(gone);
        this.#waiting.clear();
      };
      child.once('error', fail);
      child.once('close', () => fail());
    });
    // An idle child must not keep its parent alive; one that is waited for must.
    child.unref();
    this.ready.then(
      () => this.#rest(),
      () => {},
    );
    (child.stderr as { unref?: () => void } | null)?.unref?.();
  }

  send(command: FakeAwsCommand): Promise<unknown> {
    this.#made += 1;
    const request: ChildRequest = { id: this.#made, command };
    this.#child.channel?.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      this.#child.send(request, (error) => {
        if (error !== null && this.#waiting.delete(request.id)) reject(error);
      });
    });
  }

  async end(): Promise<void> {
    // 'close' comes after the end of its output: a loop that runs empty between the two would end this process half way.
    this.#child.ref();
    (this.#child.stderr as { ref?: () => void } | null)?.ref?.();
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #settle(message: Exclude<ChildMessage, { kind: 'ready' }>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    this.#rest();
    if (message.kind === 'done') waiting?.resolve(message.result);
    else waiting?.reject(new Error(message.message));
  }

  #rest(): void {
    if (this.#waiting.size === 0) this.#child.channel?.unref();
  }
}
