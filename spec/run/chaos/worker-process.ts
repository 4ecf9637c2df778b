import { type ChildProcess, spawn } from 'node:child_process';
import { deferred } from '../../../lib/base/service.ts';
import { dieWithParent } from '../../support/child-server.ts';
import { programArguments } from '../../support/programs.ts';
import { childEnvironment } from '../demo/environment.ts';
import { LedgerReader } from './ledger-file.ts';
import { type LedgerLine, machineMillis } from './ledger-line.ts';
import type { ChaosWorkerSettings, WorkerCommand } from './worker-settings.ts';

/** How a worker ended: its exit code, or the signal that ended it. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How to run a worker: its program beside this file, and arguments after its settings. */
export interface WorkerProgram {
  readonly file: string;
  readonly args: readonly string[];
}

/** The worker as it should be. */
export const soundWorker: WorkerProgram = { file: 'worker.ts', args: [] };

/** How much of a worker's standard error is kept. */
const lastOutputCharacters = 2_000;

/** A worker in a process of its own, and all that its ledger says. It ends with the harness, however that ends. */
export class ChaosWorker {
  readonly name: string;
  readonly settings: ChaosWorkerSettings;
  readonly startedMillis = machineMillis();
  /** All lines of its ledger that were read, in the order of writing. */
  readonly lines: LedgerLine[] = [];
  /** It has ended; never rejects. */
  readonly ended: Promise<WorkerEnd>;
  readonly #child: ChildProcess;
  readonly #reader: LedgerReader;
  #end: WorkerEnd | undefined;
  #lastOutput = '';

  constructor(name: string, settings: ChaosWorkerSettings, program: WorkerProgram) {
    this.name = name;
    this.settings = settings;
    this.#reader = new LedgerReader(settings.ledgerPath);
    const worker = programArguments(new URL(program.file, import.meta.url));
    const args = ['--import', dieWithParent, ...worker, JSON.stringify(settings), ...program.args];
    // Its own process group: Ctrl-C in a terminal reaches it only through the harness.
    this.#child = spawn(process.execPath, args, {
      env: childEnvironment(),
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
    });
    const ended = deferred<WorkerEnd>();
    this.ended = ended.promise;
    const end = (outcome: WorkerEnd) => {
      this.#end ??= outcome;
      ended.resolve(this.#end);
    };
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    // Written to after its end; the end itself is what matters, and it is told.
    this.#child.stdin?.on('error', () => {});
    this.#child.once('error', (error) => {
      this.#keep(error.message);
      end({ code: null, signal: null });
    });
    this.#child.once('close', (code, signal) => end({ code, signal }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** How it ended; undefined while it runs. */
  get end(): WorkerEnd | undefined {
    return this.#end;
  }

  /** The last that it wrote to standard error. */
  get lastOutput(): string {
    return this.#lastOutput.trim();
  }

  /** Reads what its ledger has got since the last time; answers the new lines. */
  read(): readonly LedgerLine[] {
    const lines = this.#reader.read();
    this.lines.push(...lines);
    return lines;
  }

  /** Lets go of the ledger, after the last line was read. */
  close(): void {
    this.#reader.close();
  }

  send(command: WorkerCommand): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** Sends a signal; SIGKILL and SIGSTOP take effect before the next line of the caller's. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it at once, stopped or not, and resolves when it is gone. */
  async destroy(): Promise<void> {
    if (this.#end === undefined) this.#child.kill('SIGKILL');
    await this.ended;
  }

  #keep(text: string): void {
    this.#lastOutput = (this.#lastOutput + text).slice(-lastOutputCharacters);
  }
}
