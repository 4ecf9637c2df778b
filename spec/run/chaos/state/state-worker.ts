import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { dieWithParent } from '../../../support/child-server.ts';
import { programArguments } from '../../../support/programs.ts';
import { childEnvironment } from '../../demo/environment.ts';
import type { StateWorkerSettings } from './worker-settings.ts';

/** A line that a counting process tells on its standard output. */
export interface ToldLine {
  readonly type: string;
  readonly step?: string;
  readonly message?: string;
}

const program = new URL('worker.ts', import.meta.url);
const killPoint = new URL('kill-point.ts', import.meta.url);
const lastOutputCharacters = 2_000;

/** A counting process, with what it has told. It ends with the harness, however that ends. */
export class StateWorker {
  readonly settings: StateWorkerSettings;
  readonly lines: ToldLine[] = [];
  /** Its exit code, or the signal that ended it; never rejects. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly #child: ChildProcess;
  #errors = '';
  #hasEnded = false;

  constructor(settings: StateWorkerSettings) {
    this.settings = settings;
    const killing = settings.killAt === undefined ? [] : [killPoint];
    const args = ['--import', dieWithParent, ...programArguments(program, killing)];
    this.#child = spawn(process.execPath, [...args, JSON.stringify(settings)], {
      env: childEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-lastOutputCharacters);
    });
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) =>
        this.lines.push(JSON.parse(line) as ToldLine),
      );
    }
    this.ended = new Promise((resolve) => {
      this.#child.once('error', () => resolve(-1));
      this.#child.once('close', (code, signal) => resolve(code ?? signal ?? -1));
    });
    void this.ended.then(() => (this.#hasEnded = true));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** What it told last, for messages. */
  get lastOutput(): string {
    const told = this.lines.filter(({ type }) => type === 'failed').map(({ message }) => message ?? '');
    return [...told, this.#errors.trim()].join(' ').trim();
  }

  /** How often it told of a step of a batch. */
  stepsOf(step: string): number {
    return this.lines.filter((line) => line.type === 'batch.step' && line.step === step).length;
  }

  has(type: string): boolean {
    return this.lines.some((line) => line.type === type);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it at once, stopped or not. */
  async destroy(): Promise<void> {
    this.signal('SIGCONT');
    this.signal('SIGKILL');
    await this.ended;
  }
}
