import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChildServer, freePort } from './child-server.ts';

/** How long the server may take to answer for the first time. */
const readyLimitMillis = 60_000;
/** Ports are found by asking the system, so somebody else may take one before the server does. */
const maxPortAttempts = 5;
/** How much of the server's last output an error quotes. */
const outputLimit = 4_000;

/**
 * The shell starts the server, says its pid in the first line, and kills it when the standard input ends: that happens
 * when it is to stop and however the parent dies, kill -9 included. The shell is the server's parent, so the pid cannot
 * come to mean another process meanwhile.
 */
const shell = `
exec 3<&0
"$@" </dev/null &
server=$!
echo "$server"
(while read -r _ <&3; do :; done; kill -KILL "$server" 2>/dev/null) &
wait "$server"
kill "$!" 2>/dev/null
`;

/** A server that is a program of somebody else, not one of Node. */
export interface TetheredServerPlan {
  readonly name: string;
  /** The program with its arguments, to listen on a port of 127.0.0.1. */
  readonly command: (port: number) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a server on a free port and waits until it answers by HTTP. It dies with this process, however that ends.
 */
export async function startTetheredServer({ name, command, env = {} }: TetheredServerPlan): Promise<ChildServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = spawn('/bin/sh', ['-c', shell, name, ...command(port)], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in a terminal reaches it only through its parent.
      detached: true,
    });
    const output = keepOutput(child);
    const endpoint = `http://127.0.0.1:${port}`;
    const outcome = await waitUntilAnswering(child, endpoint);
    if (outcome === 'ready') return server(child, endpoint, Number(output.firstLine()));
    await end(child);
    if (outcome === 'ended' && attempt < maxPortAttempts && /BindException|already in use/.test(output.last()))
      continue;
    throw new Error(
      `${name} ${outcome === 'ended' ? 'ended' : 'did not answer'} at ${endpoint}; its last output: ${output.last() || '(none)'}`,
    );
  }
}

function server(child: ChildProcess, endpoint: string, pid: number): ChildServer {
  // The child must not keep the parent alive: a parent that has nothing else to do may end, and the child with it.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as { unref?: () => void } | null)?.unref?.();
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= end(child));
  return { endpoint, pid, stop, [Symbol.asyncDispose]: stop };
}

function keepOutput(child: ChildProcess): { firstLine(): string; last(): string } {
  let all = '';
  let first: string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      if (stream === child.stdout) first ??= chunk.split('\n')[0];
      all = (all + chunk).slice(-outputLimit);
    });
  }
  child.on('error', (error) => {
    all += error.message;
  });
  return { firstLine: () => first ?? '', last: () => all.trim() };
}

async function waitUntilAnswering(child: ChildProcess, endpoint: string): Promise<'ready' | 'ended' | 'silent'> {
  const giveUpAt = performance.now() + readyLimitMillis;
  while (performance.now() < giveUpAt) {
    if (hasEnded(child)) return 'ended';
    try {
      const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2_000) });
      await answer.arrayBuffer();
      // Somebody else may answer on a port that the server could not take.
      await delay(10);
      return hasEnded(child) ? 'ended' : 'ready';
    } catch {
      await delay(50);
    }
  }
  return 'silent';
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const gone = new Promise<void>((resolvePromise) => child.once('exit', () => resolvePromise()));
  child.stdin?.end();
  await gone;
}
