import type { CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { switchFlag } from '../flags/flag.ts';
import { allOptionFlags } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options of the consumer, as text. */
export interface ConfigFlags extends SourceFlags {
  readonly print?: boolean;
  readonly given?: boolean;
  readonly json?: boolean;
}

/** `millrace config`. */
export function configSpec(): CommandSpec<ConfigFlags> {
  return {
    flags: {
      print: switchFlag('Prints each option; there is nothing else to do yet, so it may be left out'),
      given: switchFlag('Only options that somebody has given'),
      ...allOptionFlags(),
      ...sourceFlags,
      json: jsonFlag('each option as one JSON line'),
    },
    description:
      'Prints every option of a consumer, its value, and where the value comes from: a flag, an environment variable, a line ' +
      'of the file, or the default. The flags are those of millrace consume. Nothing is sent. What is wrong is told as ' +
      'consume would tell it.',
    usage: ['--print --stream-name orders --application-name mailer [--config millrace.json] [flags]'],
  };
}
