import { type CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { optionFlags, streamOptions } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options that say which stream is meant. */
export interface ShardsFlags extends SourceFlags {
  readonly json?: boolean;
}

/** `millrace shards`. */
export function shardsSpec(): CommandSpec<ShardsFlags> {
  return {
    flags: {
      ...optionFlags(streamOptions),
      ...sourceFlags,
      json: jsonFlag('each shard as one JSON line'),
    },
    description:
      'Prints all shards that the stream still has: open ones, and closed ones whose records are not past retention yet. ' +
      'It needs no application, reads no record and changes nothing.',
    usage: ['--stream-name orders [--region eu-west-1] [--json]'],
  };
}
