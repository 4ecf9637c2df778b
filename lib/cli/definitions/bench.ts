import { type CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, logLevelFlag, sourceFlags } from '../flags/common-flags.ts';
import { numberFlag } from '../flags/flag.ts';
import { optionFlags, readingOptions } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options of a consumer that are about reading, as text. */
export interface BenchFlags extends SourceFlags {
  readonly seconds?: number;
  readonly 'log-level'?: string;
  readonly json?: boolean;
}

/** `millrace bench`: the flags of `consume` that are about reading, and for how long. */
export function benchSpec(): CommandSpec<BenchFlags> {
  return {
    flags: {
      ...optionFlags([...readingOptions, 'initialPosition']),
      ...sourceFlags,
      'log-level': logLevelFlag,
      seconds: numberFlag(
        { what: 'seconds', least: 0.001, most: 86_400, isWhole: false },
        'How long to read (default: 30)',
      ),
      json: jsonFlag('the figures as one JSON line'),
    },
    description:
      'Reads all shards of a stream for a bounded time, and prints records and MB a second for each shard and for all, ' +
      'how far they are behind, and the processor time that it took. No table is touched and no checkpoint moved. By ' +
      'polling it takes its part of the 5 reads and 2 MB a second that all consumers of a shard share; with ' +
      '--retrieval-mode FAN_OUT it registers a stream consumer, millrace-bench unless told another, and deregisters it ' +
      'at the end. Progress and logs go to stderr. SIGINT and SIGTERM end it early, with the figures until then.',
    usage: ['--stream-name orders [--seconds 30] [--region eu-west-1] [flags]'],
  };
}
