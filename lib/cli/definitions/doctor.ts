import type { CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { applicationOptions, optionFlags, streamOptions } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options that say which application and stream are meant. */
export interface DoctorFlags extends SourceFlags {
  readonly json?: boolean;
}

/** `millrace doctor`. */
export function doctorSpec(): CommandSpec<DoctorFlags> {
  return {
    flags: {
      ...optionFlags([...applicationOptions, ...streamOptions, 'retrievalMode', 'consumerName', 'consumerArn']),
      ...sourceFlags,
      json: jsonFlag('each check as one JSON line'),
    },
    description:
      'Looks at everything that a consumer needs, one thing after the other: credentials and region, each permission by the ' +
      'call itself, the stream and its mode, limits, fan-out slots, the clock, the lease table and its index. It changes ' +
      'nothing: writes are tried with a condition that refuses them, and what would make or register something is not tried. ' +
      'Without --application-name the stream alone is looked at.\n\n' +
      'Ends with 0 when nothing failed, else with the code of the first check that did: 2 configuration, 3 stream or table, ' +
      '4 credentials or permission, 5 out of reach.',
    usage: ['--stream-name orders [--application-name mailer] [--region eu-west-1] [--json]'],
  };
}
