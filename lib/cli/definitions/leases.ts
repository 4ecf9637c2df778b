import { type CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { applicationOptions, optionFlags } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options that say which application is meant. */
export interface LeasesFlags extends SourceFlags {
  readonly json?: boolean;
}

/** `millrace leases`. */
export function leasesSpec(): CommandSpec<LeasesFlags> {
  return {
    flags: {
      ...optionFlags(applicationOptions),
      ...sourceFlags,
      json: jsonFlag('each lease as one JSON line'),
    },
    description:
      'Prints the leases of an application: the worker that reads the shard, the worker that gets it next while a handoff ' +
      'is under way, the checkpoint, and the counter, which rises with every heartbeat. It reads the lease table alone, ' +
      'and changes nothing.',
    usage: ['--application-name mailer [--region eu-west-1] [--json]'],
  };
}
