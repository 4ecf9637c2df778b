import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Whether terminals can be had here: they are made by Python 3.9 or newer. */
export const hasTerminals = canMakeTerminals();

function canMakeTerminals(): boolean {
  try {
    execFileSync('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** How long anything may take. */
const limitMillis = 60_000;

/** A command on a terminal of its own, and the person before it. */
export class Terminal {
  /** Everything that was shown; lines end in CR and LF, as terminals have them. */
  shown = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(columns: number, command: readonly string[], env: Readonly<Record<string, string>>) {
    const program = join(import.meta.dirname, 'terminal.py');
    this.#child = spawn('python3', [program, `${columns}`, ...command], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.shown += text));
    this.#child.stdin?.on('error', () => {});
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) => resolve(code));
    });
    this.#ended.catch(() => {});
  }

  /** Presses keys: `\r` is Enter, `\u0003` is Ctrl-C. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until a text is shown; fails after a minute with what is. */
  async until(pattern: RegExp): Promise<void> {
    const giveUpAt = performance.now() + limitMillis;
    while (!pattern.test(this.shown)) {
      const isOver = this.#child.exitCode !== null || performance.now() > giveUpAt;
      if (isOver && !pattern.test(this.shown)) {
        throw new Error(`the terminal never showed ${pattern}; it shows: ${JSON.stringify(this.shown)}`);
      }
      await delay(20);
    }
  }

  /** The exit code of the command, 128 and the number of the signal that ended it; hangs up on it after a minute. */
  async exit(): Promise<number | null> {
    const timer = setTimeout(() => this.hangUp(), limitMillis);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes the terminal away. */
  hangUp(): void {
    this.#child.stdin?.end();
  }
}
