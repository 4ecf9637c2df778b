import { readConfigFile } from '../../app/config/config-file.ts';
import { resolveConsumerOptions } from '../../app/config/resolve.ts';
import { benchStream } from '../../app/stream-bench.ts';
import { MillraceError } from '../../base/error.ts';
import { jsonLine } from '../../base/json-line.ts';
import { jsonLogger } from '../../monitor/log.ts';
import type { BenchFlags } from '../bench-flags.ts';
import type { CommandContext } from '../command-io.ts';
import { exitCodeOfSignal, exitCodes } from '../exit-code.ts';
import { LineOutput } from '../line-output.ts';
import { logLevelOf } from '../log-level.ts';
import { streamBenchProgress, streamBenchTable } from '../render/stream-bench.ts';

/**
 * `millrace bench`: reads a stream for a bounded time and prints what it gave and took. The first SIGINT or SIGTERM ends it
 * early, with the figures until then; the second ends it at once, without any.
 */
export async function bench(this: CommandContext, flags: BenchFlags): Promise<void> {
  const { config = this.env['MILLRACE_CONFIG'], json = false, 'log-level': level, seconds, ...optionFlags } = flags;
  const file = config === undefined ? undefined : await readConfigFile(config);
  // Whatever application the environment names, this is none.
  const given = { ...optionFlags, 'application-name': 'millrace-bench' };
  const options = resolveConsumerOptions({ flags: given, env: this.env, file });
  const least = logLevelOf(level, this.env['MILLRACE_LOG_LEVEL']);
  const { io } = this;
  const early = new AbortController();
  let signals = 0;
  let endNow = (_code: number): void => {};
  const ended = new Promise<number>((resolve) => {
    endNow = resolve;
  });
  const unsubscribe = io.onSignal((signalNumber) => {
    signals += 1;
    if (signals === 1) early.abort(new MillraceError('MR_ABORTED', `signal ${signalNumber}`));
    else endNow(exitCodeOfSignal(signalNumber));
  });
  try {
    const running = benchStream({
      ...options,
      ...(seconds === undefined ? {} : { seconds: secondsOf(seconds) }),
      signal: early.signal,
      onProgress: (figures) => io.stderr.write(streamBenchProgress(figures)),
      logger: jsonLogger({
        write: (line) => io.stderr.write(line),
        wallMillis: () => io.clock.wallMillis(),
        level: least,
      }),
    });
    const result = await Promise.race([running, ended]);
    if (typeof result === 'number') {
      running.catch(() => {});
      this.process.exitCode = result;
      return;
    }
    await new LineOutput(io.stdout).write(json ? `${jsonLine(result)}\n` : streamBenchTable(result));
    this.process.exitCode = exitCodes.done;
  } finally {
    unsubscribe();
  }
}

function secondsOf(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new MillraceError('MR_CONFIG_INVALID', `--seconds is ${JSON.stringify(text)}: give a number of seconds`, {
    subject: { option: 'seconds' },
  });
}
