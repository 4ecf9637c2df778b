import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import { programArguments } from '../support/programs.ts';

/** The command line in a process of its own. */
export class CliProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** When it had ended and all its output was read, by `performance.now()`. */
  readonly endedAtMillis: Promise<number>;
  readonly #ended: Promise<number>;

  /** `detached` makes it the first of a process group of its own, as a shell does for what is typed in a terminal. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, detached = false) {
    this.child = spawn(process.execPath, [...programArguments('lib/cli/bin.ts'), ...args], {
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached,
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => resolve(code ?? (signal === null ? -1 : -2)));
    });
    this.endedAtMillis = this.#ended.then(() => performance.now());
    this.endedAtMillis.catch(() => {});
  }

  /** The records printed so far, whole lines only. */
  get records(): PrintedRecord[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as PrintedRecord);
  }

  /** What it said on standard error, but for the calls that a busy machine has answered late. */
  get complaints(): string {
    const isLate = (line: string) => line.includes('"event":"fault.seen","code":"MR_ENDPOINT_UNREACHABLE"');
    return this.stderr
      .split('\n')
      .filter((line) => !isLate(line))
      .join('\n');
  }

  /** The exit code; ends the process when it takes longer than `atMostMillis`. */
  async exit(atMostMillis = 60_000): Promise<number> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), atMostMillis);
    try {
      const code = await this.#ended;
      if (code === -2) throw new Error(`the command was killed after ${atMostMillis} ms; stderr: ${this.stderr}`);
      return code;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The exit code of a process whose output nobody reads; ends it when it takes longer than 60 s. */
  async exitUnread(): Promise<number | null> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 60_000);
    await new Promise((resolve) => this.child.once('exit', resolve));
    clearTimeout(timer);
    return this.child.exitCode;
  }

  /** Waits until the condition holds; fails after 60 s with what was printed. */
  async until(condition: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + 60_000;
    while (!condition()) {
      if (performance.now() > giveUpAt || this.child.exitCode !== null) {
        throw new Error(`not seen; exit code ${this.child.exitCode}, stderr: ${this.stderr}, stdout: ${this.stdout}`);
      }
      await delay(20);
    }
  }
}

/** One line of `millrace consume`. */
export interface PrintedRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly encoding: 'utf8' | 'base64';
  readonly data: string;
}

/** The environment in which the emulators take the calls. */
export const cliEnvironment: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: testCredentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: testCredentials.secretAccessKey,
  AWS_REGION: testRegion,
};
