import { readConfigFile } from '../../app/config/config-file.ts';
import { resolveConsumerOptions } from '../../app/config/resolve.ts';
import { createConsumer } from '../../app/consumer.ts';
import { defaultShutdownGraceMillis } from '../../app/shutdown.ts';
import { jsonLogger } from '../../monitor/log.ts';
import { ProgressFold } from '../../monitor/progress.ts';
import type { CommandContext } from '../command-io.ts';
import type { ConsumeFlags } from '../consume-flags.ts';
import { runConsume } from '../consume-run.ts';
import { logLevelOf } from '../log-level.ts';
import { drainingLine } from '../render/draining.ts';
import { ProgressDisplay } from '../progress-display.ts';

/** `millrace consume`: prints the records of a stream, one JSON line each, and checkpoints what was printed. */
export async function consume(this: CommandContext, flags: ConsumeFlags): Promise<void> {
  const { config = this.env['MILLRACE_CONFIG'], json: _, 'log-level': level, ...optionFlags } = flags;
  const file = config === undefined ? undefined : await readConfigFile(config);
  const options = resolveConsumerOptions({ flags: optionFlags, env: this.env, file });
  const least = logLevelOf(level, this.env['MILLRACE_LOG_LEVEL']);

  const { io } = this;
  const progress = new ProgressFold();
  const display = new ProgressDisplay(io.stderr, io.clock, () => progress.current);
  const graceMillis = options.shutdownGraceMillis ?? defaultShutdownGraceMillis;
  const consumer = createConsumer({
    ...options,
    logger: jsonLogger({
      write: (line) => display.write(line),
      wallMillis: () => io.clock.wallMillis(),
      level: least,
    }),
    listener: (event) => {
      progress.add(event);
      if (event.type === 'worker.draining') display.write(drainingLine(event, graceMillis));
    },
  });
  display.start();
  try {
    this.process.exitCode = await runConsume(consumer, io);
  } finally {
    display.stop();
  }
}
