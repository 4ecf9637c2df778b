import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { waitUntil } from './wait.ts';

/** One line of a worker's standard output: what happened, in Java's and in Millrace's workers alike. */
export interface WorkerLine {
  readonly event: string;
  readonly atMillis: number;
  readonly shardId?: string;
  readonly sequenceNumber?: string;
  readonly subSequenceNumber?: number;
  readonly data?: string;
  /** Of a checkpoint: in which call of the processor, or `stop` where it was told to. */
  readonly during?: string;
  /** Of an event of Millrace: which. */
  readonly type?: string;
  /** Of a lease that Millrace has handed over: to which worker. */
  readonly to?: string;
  readonly state?: string;
  readonly error?: string;
}

/** A worker in a process of its own. It ends when this process does, however that ends. */
export interface WorkerProcess extends AsyncDisposable {
  readonly workerId: string;
  readonly pid: number;
  /** What it has said so far. */
  readonly lines: readonly WorkerLine[];
  /** Its last log lines. */
  log(): string;
  /** Waits for a line of that event that the predicate accepts. */
  saw(event: string, accepts?: (line: WorkerLine) => boolean): Promise<WorkerLine>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and waits until it has stopped cleanly; answers how many milliseconds that took. */
  stop(): Promise<number>;
}

/** How a worker is started. */
export interface WorkerCommand {
  readonly workerId: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** How much of its log an error quotes. */
const logLimit = 1_000_000;
const quoteLimit = 4_000;

/** Starts the worker; it is told to end by the end of its standard input. */
export function startWorkerProcess({ workerId, command, args }: WorkerCommand): WorkerProcess {
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const lines: WorkerLine[] = [];
  let log = '';
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as WorkerLine));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log = (log + chunk).slice(-logLimit);
  });
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      log += error.message;
      resolve();
    });
  });
  const end = async (signal: NodeJS.Signals) => {
    if (!hasEnded(child)) child.kill(signal);
    await gone;
  };
  const quote = () => `${workerId}: ${JSON.stringify(lines.slice(-5))}\n${log.slice(-quoteLimit)}`;
  const saw = (event: string, accepts: (line: WorkerLine) => boolean = () => true) =>
    waitUntil(
      `${workerId} to say ${event}`,
      () => {
        const found = lines.find((line) => line.event === event && accepts(line));
        if (found === undefined && hasEnded(child)) throw new Error(`the worker ended without ${event}; ${quote()}`);
        return found;
      },
      quote,
    );
  return {
    workerId,
    pid: child.pid ?? 0,
    lines,
    log: () => log,
    saw,
    kill: () => end('SIGKILL'),
    stop: async () => {
      const begunMillis = performance.now();
      await end('SIGTERM');
      if (!lines.some((line) => line.event === 'stopped')) throw new Error(`no clean stop; ${quote()}`);
      return performance.now() - begunMillis;
    },
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}
