import { jsonLine } from '../../base/json-line.ts';
import type { BenchFlags } from '../definitions/bench.ts';
import type { CommandContext } from '../command-io.ts';
import { exitCodes } from '../exit-code.ts';
import { withoutApplication } from '../flags/without-application.ts';
import { LineOutput } from '../line-output.ts';
import { loggerOf } from '../log-level.ts';
import { optionsOf } from '../options-of.ts';
import { streamBenchProgress, streamBenchTable } from '../render/stream-bench.ts';
import { untilSignal } from '../until-signal.ts';

/**
 * `millrace bench`: reads a stream for a bounded time and prints what it gave and took. The first SIGINT or SIGTERM ends it
 * early, with the figures until then; the second ends it at once, without any.
 */
export async function bench(this: CommandContext, flags: BenchFlags): Promise<void> {
  const { seconds, json = false } = flags;
  const options = await optionsOf(this, flags, withoutApplication);
  const { io } = this;
  const logger = loggerOf(this, flags['log-level']);
  const { benchStream } = await import('../../app/stream-bench.ts');
  const end = await untilSignal(io, (signal) =>
    benchStream({
      ...options,
      ...(seconds === undefined ? {} : { seconds }),
      signal,
      onProgress: (figures) => io.stderr.write(streamBenchProgress(figures)),
      logger,
    }),
  );
  if (end.tag === 'aborted') {
    this.process.exitCode = end.exitCode;
    return;
  }
  await new LineOutput(io.stdout).write(json ? `${jsonLine(end.value)}\n` : streamBenchTable(end.value));
  this.process.exitCode = exitCodes.done;
}
