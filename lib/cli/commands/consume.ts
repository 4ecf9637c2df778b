import type { Consumer } from '../../app/consumer.ts';
import type { RecordBatchHandler } from '../../app/finish-blocks.ts';
import { defaultShutdownGraceMillis } from '../../app/shutdown.ts';
import { MillraceError } from '../../base/error.ts';
import { ProgressFold } from '../../monitor/progress.ts';
import type { CommandContext } from '../command-io.ts';
import { printing, runConsume } from '../consume-run.ts';
import type { ConsumeFlags } from '../definitions/consume.ts';
import { findProgram } from '../exec/find-program.ts';
import type { LineOutput } from '../line-output.ts';
import { loggerOf } from '../log-level.ts';
import { optionsOf } from '../options-of.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { drainingLine } from '../render/draining.ts';
import { progressLine } from '../render/progress.ts';
import { loadHandler } from '../module-handler.ts';

/** What the records of a run are handed to. */
type Handler = RecordBatchHandler;

/**
 * `millrace consume`: prints the records of a stream, one JSON line each, or hands them to a program or a module, and
 * checkpoints what was taken.
 */
export async function consume(this: CommandContext, flags: ConsumeFlags, ...rest: readonly string[]): Promise<void> {
  const options = await optionsOf(this, flags);
  const { io } = this;
  const progress = new ProgressFold();
  const display = new ProgressDisplay(io.stderr, io.clock, (columns) => progressLine(progress.current, columns));
  const logger = loggerOf(this, flags['log-level'], (line) => display.write(line));
  const handlerOf = await handlerMaker(this, flags, rest, (text) => display.write(text));
  const graceMillis = options.shutdownGraceMillis ?? defaultShutdownGraceMillis;
  // Loaded only now, so that a slip in a flag is told at once.
  const { createConsumer } = await import('../../app/consumer.ts');
  const consumer = createConsumer({
    ...options,
    logger,
    listener: (event) => {
      progress.add(event);
      if (event.type === 'worker.draining') display.write(drainingLine(event, graceMillis));
    },
  });
  display.start();
  try {
    this.process.exitCode = await runConsume(consumable(consumer), io, handlerOf, () => display.giveWayTo(io.stdout));
  } finally {
    display.stop();
  }
}

function consumable(consumer: Consumer) {
  return {
    run: (handler: Handler, options: { readonly signal: AbortSignal }) => consumer.run(handler, options),
    drain: () => consumer.drain(),
  };
}

/** Decides by the flags who takes the records. */
async function handlerMaker(
  context: CommandContext,
  flags: ConsumeFlags,
  rest: readonly string[],
  writeError: (text: string) => void,
): Promise<(output: LineOutput, signal: AbortSignal) => Handler> {
  const { exec, module, 'exec-input': input = 'json', 'exec-processes': processes } = flags;
  if (exec === undefined) {
    const [first] = rest;
    if (first !== undefined) throw invalid(`unexpected argument ${JSON.stringify(first)}: options begin with --`);
    for (const name of ['exec-input', 'exec-processes'] as const) {
      if (flags[name] !== undefined) throw invalid(`--${name} is given without --exec: give the program too`, name);
    }
  }
  if (exec !== undefined && module !== undefined) throw invalid('--exec and --module are both given: give one', 'exec');
  if (module !== undefined) {
    // Whatever is exported, the consumer says what it cannot run.
    const handler = (await loadHandler(module)) as Handler;
    return () => handler;
  }
  if (exec === undefined) return printing;
  const program = await findProgram(exec, context.env);
  const { runProgram } = await import('../exec/run-program.ts');
  const { env, io } = context;
  return (output) =>
    runProgram({ program, args: rest, input, env, output, writeError, clock: io.clock, processes: processes ?? 16 });
}

function invalid(message: string, option?: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, option === undefined ? {} : { subject: { option } });
}
