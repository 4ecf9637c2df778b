import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { processEnvironment } from '../lib/app/config/environment.ts';

/** How to start a process of a benchmark. */
export interface BenchChildOptions {
  readonly args?: readonly string[];
  /** More flags of Node. */
  readonly nodeFlags?: readonly string[];
  /** More environment, over this process' own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program of a benchmark, in TypeScript or compiled, in a process of its own that hears questions and ends with this one. */
export function startBenchChild(file: URL, options: BenchChildOptions = {}): ChildProcess {
  const { args = [], nodeFlags = [], env = {} } = options;
  const loader = file.href.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const execArgv = [...loader, '--expose-gc', '--no-warnings', ...nodeFlags];
  return fork(fileURLToPath(file), [...args], { execArgv, env: { ...processEnvironment(), ...env } });
}

/** Sends a question to a process of a benchmark and waits for the answer; rejects when it ends first. */
export function askBenchChild<Answer>(child: ChildProcess, question: number | string | object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, by: NodeJS.Signals | null) => {
      reject(new Error(`a process of the bench ended with ${code ?? by}`));
    };
    // One that a signal has ended has no exit code, and will tell nothing any more.
    if (child.exitCode !== null || child.signalCode !== null) {
      onExit(child.exitCode, child.signalCode);
      return;
    }
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer as Answer);
    });
    // A process that has just ended takes no message; its end is heard above.
    child.send(question, () => {});
  });
}

/** Lets a process of a benchmark go, and waits until it has ended. */
export async function endBenchChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.disconnect();
  await exit;
}
