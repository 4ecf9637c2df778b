import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A server in a child process, answering on a loopback port. */
export interface ChildServer extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  readonly pid: number;
  /** Ends the child by its pid and waits until it is gone; later calls share the first outcome. */
  stop(): Promise<void>;
}

/** How to start a {@link ChildServer} on a given port. */
export interface ChildServerPlan {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How long a server may take to answer for the first time. */
const readyLimitMillis = 60_000;
/** Ports are found by asking the system, so somebody else may take one before the child does. */
const maxPortAttempts = 5;
/** How much of the child's last output an error quotes. */
const outputLimit = 4_000;

/**
 * The child ends itself when its standard input ends, and that happens however the parent dies, kill -9 included.
 * It has a process group of its own, so Ctrl-C in a terminal reaches it only through its parent.
 */
export const dieWithParent = `data:text/javascript,process.stdin.resume();process.stdin.on('end',()=>process.exit());process.stdin.on('error',()=>process.exit());`;

/**
 * Starts the child on a free port and waits until it answers any HTTP request. When the signal aborts first, the child
 * is ended and the promise rejects with the signal's reason.
 */
export async function startChildServer(
  plan: (port: number) => ChildServerPlan,
  signal?: AbortSignal,
): Promise<ChildServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    signal?.throwIfAborted();
    const { name, script, args, env } = plan(port);
    const child = spawn(process.execPath, ['--import', dieWithParent, script, ...args], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const output = keepLastOutput(child);
    const endpoint = `http://127.0.0.1:${port}`;
    const outcome = await waitUntilAnswering(child, endpoint, signal);
    if (outcome === 'ready' && signal?.aborted !== true) return childServer(child, endpoint);
    await endChild(child);
    signal?.throwIfAborted();
    if (outcome === 'ended' && attempt < maxPortAttempts && output().includes('EADDRINUSE')) continue;
    throw new Error(
      `${name} ${outcome === 'ended' ? 'ended' : 'did not answer'} at ${endpoint}; its last output: ${output()}`,
    );
  }
}

function childServer(child: ChildProcess, endpoint: string): ChildServer {
  // The child must not keep the parent alive: a parent that has nothing else to do may end, and the child with it.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as { unref?: () => void } | null)?.unref?.();
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= endChild(child));
  return { endpoint, pid: child.pid as number, stop, [Symbol.asyncDispose]: stop };
}

function keepLastOutput(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-outputLimit);
    });
  }
  child.on('error', (error) => {
    text += error.message;
  });
  return () => text.trim() || '(none)';
}

async function waitUntilAnswering(
  child: ChildProcess,
  endpoint: string,
  signal?: AbortSignal,
): Promise<'ready' | 'ended' | 'silent'> {
  const giveUpAt = performance.now() + readyLimitMillis;
  while (performance.now() < giveUpAt && signal?.aborted !== true) {
    if (hasEnded(child)) return 'ended';
    try {
      const limit = AbortSignal.timeout(2_000);
      const answer = await fetch(endpoint, { signal: signal === undefined ? limit : AbortSignal.any([limit, signal]) });
      await answer.arrayBuffer();
      // Somebody else may answer on a port that the child could not take.
      await delay(10);
      return hasEnded(child) ? 'ended' : 'ready';
    } catch {
      await delay(25);
    }
  }
  return 'silent';
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function endChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // The emulators keep nothing, and one of them takes four seconds to end on a politer signal.
  child.kill('SIGKILL');
  await gone;
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('the probe has no port'));
      });
    });
  });
}
