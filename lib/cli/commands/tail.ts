import { recordLine } from '../../app/record-line.ts';
import { jsonLine } from '../../base/json-line.ts';
import type { CommandContext } from '../command-io.ts';
import type { TailFlags } from '../definitions/tail.ts';
import { withoutApplication } from '../flags/without-application.ts';
import { keyFilter } from '../key-filter.ts';
import { LineOutput } from '../line-output.ts';
import { loggerOf } from '../log-level.ts';
import { optionsOf } from '../options-of.ts';
import { untilSignal } from '../until-signal.ts';

/** `millrace tail`: prints records as they come, without leases and checkpoints. */
export async function tail(this: CommandContext, flags: TailFlags): Promise<void> {
  const { initialPosition: _, until: __, ...options } = await optionsOf(this, withoutUntil(flags), withoutApplication);
  const logger = loggerOf(this, flags['log-level']);
  const { io } = this;
  const output = new LineOutput(io.stdout);
  const isWanted = keyFilter(flags.key ?? []);
  const { template, limit = Infinity, from, until, shard } = flags;
  const isTerminal = io.stdout.isTTY === true;
  let printed = 0;
  const { tailStream } = await import('../../app/tail.ts');
  const end = await untilSignal(io, (signal) =>
    tailStream({
      ...options,
      ...(from === undefined ? {} : { from }),
      ...(until === undefined ? {} : { until }),
      ...(shard === undefined ? {} : { shards: shard }),
      logger,
      signal,
      async take(records) {
        const wanted = records.filter((record) => isWanted(record.partitionKey)).slice(0, limit - printed);
        // Counted before the wait: other shards are written meanwhile.
        printed += wanted.length;
        const lines = wanted.map(recordLine);
        const texts = lines.map((line) => (template === undefined ? jsonLine(line) : template(line, isTerminal)));
        await output.write(texts.map((text) => `${text}\n`).join(''));
        return printed < limit;
      },
    }),
  );
  if (end.tag === 'aborted') this.process.exitCode = end.exitCode;
}

/** `until` is an option of a consumer too, which takes no "how long ago". */
function withoutUntil({ until: _, ...flags }: TailFlags): object {
  return flags;
}
