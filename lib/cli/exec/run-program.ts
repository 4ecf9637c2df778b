import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import PQueue from 'p-queue';
import type { Environment } from '../../app/config/environment.ts';
import type { KinesisRecord } from '../../app/replay-dead-letters.ts';
import { recordLine } from '../../app/record-line.ts';
import type { Clock } from '../../base/clock.ts';
import { jsonLine } from '../../base/json-line.ts';
import type { LineOutput } from '../line-output.ts';
import { wholeLines } from './whole-lines.ts';

/** Records of one shard that a program gets together. */
export interface ProgramBatch {
  readonly records: readonly KinesisRecord[];
  readonly shardId: string;
  readonly signal: AbortSignal;
}

/** What {@link runProgram} works with. */
export interface ProgramOptions {
  /** The path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  /** A JSON line for each record, or its bytes and a newline. */
  readonly input: 'json' | 'data';
  readonly env: Environment;
  /** Takes what the programs print, line by line. */
  readonly output: LineOutput;
  /** Takes what the programs write to their standard error. */
  readonly writeError: (text: string) => void;
  readonly clock: Clock;
  /** How many programs may run at once. */
  readonly processes: number;
}

/** How long a program that is no longer wanted has between SIGTERM and SIGKILL. */
const killGraceMillis = 5_000;

/**
 * Makes a handler that starts a program for every batch, gives it the records on its standard input, and waits for its
 * end. Exit code 0 finishes the batch; everything else is a failure of the handler, and the failure policy's business. When
 * the batch is no longer wanted the program gets SIGTERM, and SIGKILL 5 s later.
 */
export function runProgram(options: ProgramOptions): (batch: ProgramBatch) => Promise<void> {
  const queue = new PQueue({ concurrency: options.processes });
  return (batch) => queue.add(() => runOnce(options, batch));
}

async function runOnce(options: ProgramOptions, { records, shardId, signal }: ProgramBatch): Promise<void> {
  signal.throwIfAborted();
  const { program, args, input, env, output, writeError } = options;
  const child = spawn(program, [...args], {
    env: { ...env, KINESIS_STREAM_NAME: records[0]?.streamName ?? '', KINESIS_SHARD_ID: shardId },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: Ctrl-C in a terminal reaches every process of the group, and it means a drain, in which the
    // program is to finish its records.
    detached: true,
  });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  failed.catch(() => {});
  const stopKilling = killOnAbort(child, signal, options.clock);
  try {
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const fed = feed(child, input === 'json' ? jsonChunks(records) : dataChunks(records));
    const copied = [
      wholeLines(child.stdout, (text) => output.write(text)),
      wholeLines(child.stderr, async (text) => writeError(text.toString())),
    ];
    const [[code, killedBy]] = await Promise.race([Promise.all([closed, fed, ...copied]), failed]);
    signal.throwIfAborted();
    if (code === 0) return;
    const how = code === null ? `was ended by ${killedBy}` : `ended with code ${code}`;
    throw new Error(
      `${program} ${how}, for ${records.length} ${records.length === 1 ? 'record' : 'records'} of ${shardId}`,
    );
  } finally {
    stopKilling();
    // A reader of our output that went away leaves the program in the middle of its work.
    if (child.exitCode === null && child.signalCode === null) endGroup(child, 'SIGTERM');
  }
}

/** Writes the records. A program that does not read them all closes the pipe; its exit code says whether that is right. */
async function feed(child: ChildProcess, chunks: Iterable<string | Uint8Array>): Promise<void> {
  const { stdin } = child;
  if (stdin === null) return;
  try {
    await pipeline(Readable.from(chunks, { objectMode: true }), stdin);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw thrown;
  }
}

function* jsonChunks(records: ProgramBatch['records']): Generator<string, void, undefined> {
  for (const record of records) yield `${jsonLine(recordLine(record))}\n`;
}

const newline = Buffer.from('\n');

function* dataChunks(records: ProgramBatch['records']): Generator<Uint8Array, void, undefined> {
  for (const record of records) {
    yield record.data;
    yield newline;
  }
}

function killOnAbort(child: ChildProcess, signal: AbortSignal, clock: Clock): () => void {
  let cancel = () => {};
  const onAbort = () => {
    endGroup(child, 'SIGTERM');
    cancel = clock.timer(killGraceMillis, () => endGroup(child, 'SIGKILL'), { keepAlive: false });
  };
  signal.addEventListener('abort', onAbort, { once: true });
  return () => {
    signal.removeEventListener('abort', onAbort);
    cancel();
  };
}

/** The program and what it has started. */
function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}
