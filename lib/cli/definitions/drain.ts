import type { CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { switchFlag } from '../flags/flag.ts';
import { applicationOptions, optionFlags } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options that say which application is meant. */
export interface DrainFlags extends SourceFlags {
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `millrace drain`. */
export function drainSpec(): CommandSpec<DrainFlags, [string]> {
  return {
    flags: {
      yes: switchFlag('Agrees beforehand; needed where there is no terminal to ask on'),
      ...optionFlags([...applicationOptions, 'failoverTimeMillis', 'shutdownGraceMillis']),
      ...sourceFlags,
      json: jsonFlag('how the worker was drained as one JSON line'),
    },
    positional: [{ placeholder: 'WORKER', brief: 'The workerIdentifier; millrace leases shows them' }],
    description:
      'Has a running worker do what it does at SIGTERM: finish what it has read, checkpoint, give its leases back and end its ' +
      'run. The request travels in the row that the worker writes about itself, and is taken with its next report, within 5 s. ' +
      'Waits until the worker holds no lease any more; --shutdown-grace-millis and --failover-time-millis are those of the ' +
      'worker, and say how long that may take. A Java worker is refused.',
    usage: ['host-1-4711 --application-name mailer [--yes]'],
  };
}
