import { type CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { numberFlag, switchFlag } from '../flags/flag.ts';
import { applicationOptions, optionFlags, streamOptions } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options that say which application and stream are meant. */
export interface LagFlags extends SourceFlags {
  readonly watch?: boolean;
  readonly 'interval-seconds'?: number;
  readonly json?: boolean;
}

/** `millrace lag`. */
export function lagSpec(): CommandSpec<LagFlags> {
  return {
    flags: {
      ...optionFlags([...applicationOptions, ...streamOptions]),
      ...sourceFlags,
      watch: switchFlag('Shows it again and again until Ctrl-C; on a terminal always in the same place'),
      'interval-seconds': numberFlag(
        { what: 'seconds', least: 1, most: 86_400 },
        'How long --watch waits in between (default: 5)',
      ),
      json: jsonFlag('each shard as one JSON line'),
    },
    description:
      'Prints for each shard how far its checkpoint is behind the newest record, as Kinesis counts it, and who reads it. ' +
      'It asks once a shard that is not read to its end; that is one of the five reads a second that all consumers of a ' +
      'shard share. It changes nothing.',
    usage: ['--application-name mailer --stream-name orders [--watch] [--json]'],
  };
}
