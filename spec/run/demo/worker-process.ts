import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf } from '../../../lib/base/error.ts';
import { deferred } from '../../../lib/base/service.ts';
import { dieWithParent } from '../../support/child-server.ts';
import { programArguments } from '../../support/programs.ts';
import { childEnvironment } from './environment.ts';
import { LineCutter, type WorkerReport, type WorkerSettings, parseReport } from './report.ts';

/** How a worker ended. */
export interface WorkerEnd {
  /** `code 0`, `signal SIGKILL`, or why it did not start. */
  readonly how: string;
  readonly isClean: boolean;
}

/** What becomes of a worker's reports. */
export interface WorkerListener {
  onReport(report: WorkerReport): void;
  /** It wrote something that is no report. */
  onNoise(error: Error): void;
}

const program = new URL('./worker.ts', import.meta.url);

/** How much of a worker's standard error an error message quotes. */
const lastOutputCharacters = 2_000;

/**
 * A worker in a process of its own, in a process group of its own: Ctrl-C in a terminal reaches only the demo, which
 * then ends its workers. It ends itself when the demo dies in any other way.
 */
export class WorkerProcess {
  readonly number: number;
  /** Its program is loaded and waits for settings; rejects when it ends before. */
  readonly ready: Promise<void>;
  /** It has ended, and all it wrote was heard. Never rejects. */
  readonly ended: Promise<WorkerEnd>;
  readonly #child: ChildProcess;
  #lastOutput = '';

  constructor(number: number, listener: WorkerListener) {
    this.number = number;
    this.#child = spawn(process.execPath, ['--import', dieWithParent, ...programArguments(program)], {
      env: childEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const ready = deferred();
    const ended = deferred<WorkerEnd>();
    this.ready = ready.promise;
    this.ended = ended.promise;
    this.#hear(listener, () => ready.resolve());
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    // Written to after its end; the end itself is what matters, and it is told.
    this.#child.stdin?.on('error', () => {});
    const end = (how: string, isClean: boolean) => {
      ready.reject(new Error(`worker ${number} ended before it was ready`));
      ended.resolve({ how, isClean });
    };
    this.#child.once('error', (error) => end(error.message, false));
    // After 'close' all that it wrote was heard, which is not so after 'exit'.
    this.#child.once('close', (code, signal) => end(signal === null ? `code ${code}` : `signal ${signal}`, code === 0));
  }

  /** The number of the process; 0 when it did not start. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The last that it wrote to standard error, or nothing. */
  get lastOutput(): string {
    return this.#lastOutput.trim();
  }

  /** Sets it to work. */
  start(settings: WorkerSettings): void {
    this.#child.stdin?.write(`${JSON.stringify(settings)}\n`);
  }

  /** Asks it to finish what it has read and to end. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** Ends it at once, and resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  #hear(listener: WorkerListener, onReady: () => void): void {
    const cutter = new LineCutter();
    this.#child.stdout?.setEncoding('utf8').on('data', (piece: string) => {
      for (const line of cutter.push(piece)) {
        try {
          const report = parseReport(line);
          if (report.type === 'ready') onReady();
          listener.onReport(report);
        } catch (thrown) {
          listener.onNoise(new Error(`worker ${this.number}: ${messageOf(thrown)}`));
        }
      }
    });
  }

  #keep(text: string): void {
    this.#lastOutput = (this.#lastOutput + text).slice(-lastOutputCharacters);
  }
}
