import { access } from 'node:fs/promises';
import type { KinesisRecord } from '../../app/replay-dead-letters.ts';
import { MillraceError, messageOf } from '../../base/error.ts';
import type { CommandContext } from '../command-io.ts';
import type { ReplayFlags } from '../definitions/replay.ts';
import { findProgram } from '../exec/find-program.ts';
import { exitCodes } from '../exit-code.ts';
import { LineOutput } from '../line-output.ts';
import { loggerOf } from '../log-level.ts';
import { loadHandler } from '../module-handler.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { show } from '../show.ts';
import { untilSignal } from '../until-signal.ts';

/** Processes one record. */
type RecordHandler = (record: KinesisRecord, signal: AbortSignal) => unknown;

/** `millrace replay`: hands the records of a dead-letter file to a program or a module. */
export async function replay(this: CommandContext, flags: ReplayFlags, file: string, ...rest: string[]): Promise<void> {
  const { io } = this;
  let replayed = 0;
  const display = new ProgressDisplay(io.stderr, io.clock, () => `${replayed} records replayed`);
  const handle = await handlerOf(this, flags, { rest, display });
  await checkReadable(file);
  const { replayDeadLetters } = await import('../../app/replay-dead-letters.ts');
  const now = new AbortController();
  display.start();
  try {
    const end = await untilSignal(io, (early) =>
      replayDeadLetters(file, async (record) => {
        early.throwIfAborted();
        await handle(record, now.signal);
        replayed += 1;
      }),
    );
    display.stop();
    if (end.tag === 'aborted') {
      now.abort(new MillraceError('MR_ABORTED', 'a second signal ended the replay at once'));
      this.process.exitCode = end.exitCode;
      return;
    }
    const { unreadable } = end.value;
    if (replayed === 0 && unreadable.length > 0) throw noLetters(file, unreadable.length);
    if (unreadable.length > 0) loggerOf(this, undefined).warn({ file, lines: unreadable }, 'lines that hold no record');
    const text = () => `${replayed} records replayed, ${unreadable.length} lines unreadable\n`;
    await show(this, flags.json ?? false, { lines: [end.value], text });
    this.process.exitCode = exitCodes.done;
  } finally {
    display.stop();
  }
}

async function handlerOf(
  context: CommandContext,
  { exec, module, 'exec-input': input = 'json' }: ReplayFlags,
  { rest, display }: { readonly rest: readonly string[]; readonly display: ProgressDisplay },
): Promise<RecordHandler> {
  const [first] = rest;
  if (exec === undefined && first !== undefined) {
    throw invalid(`unexpected argument ${JSON.stringify(first)}: options begin with --`, 'exec');
  }
  if ((exec === undefined) === (module === undefined)) {
    const given = exec === undefined ? 'neither --exec nor --module is given' : '--exec and --module are both given';
    throw invalid(`${given}: give one, to process the records`, 'exec');
  }
  if (module !== undefined) {
    const handler = await loadHandler(module);
    if (typeof handler !== 'function') {
      throw invalid(
        `--module ${JSON.stringify(module)} exports no function: a replay needs a function of a batch`,
        'module',
      );
    }
    return (record, signal) => (handler as (batch: object) => unknown)(batchOf(record, signal));
  }
  const { env, io } = context;
  const program = await findProgram(exec ?? '', env);
  const { runProgram } = await import('../exec/run-program.ts');
  const output = new LineOutput(io.stdout, () => display.giveWayTo(io.stdout));
  const writeError = (text: string) => display.write(text);
  const run = runProgram({ program, args: rest, input, env, output, writeError, clock: io.clock, processes: 1 });
  return (record, signal) => run(batchOf(record, signal));
}

function batchOf(record: KinesisRecord, signal: AbortSignal) {
  return { records: [record], shardId: record.shardId, millisBehindLatest: 0, signal };
}

/** One half line is what a crash leaves; a file of nothing else is another file, and must not look like one that is done. */
function noLetters(file: string, lines: number): MillraceError {
  const found = `FILE is ${JSON.stringify(file)}, in which no line holds a record (of ${lines})`;
  return invalid(`${found}: give the path of a dead-letter file`, 'FILE');
}

async function checkReadable(file: string): Promise<void> {
  try {
    await access(file);
  } catch (cause) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `FILE is ${JSON.stringify(file)}, which cannot be read (${messageOf(cause)}): give the path of a dead-letter file`,
      { subject: { option: 'FILE' }, cause },
    );
  }
}

function invalid(message: string, option: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, { subject: { option } });
}
