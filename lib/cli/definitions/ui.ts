import { checkedUiOptions } from '../../app/config/ui-options.ts';
import type { CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, logLevelFlag, sourceFlags } from '../flags/common-flags.ts';
import { listFlag, numberFlag, parsedFlag, textFlag } from '../flags/flag.ts';
import { applicationOptions, optionFlags, streamOptions } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options that say which application and stream are meant. */
export interface UiFlags extends SourceFlags {
  readonly port?: number;
  readonly host?: string;
  readonly 'token-file'?: string;
  readonly 'allowed-host'?: readonly string[];
  readonly 'interval-seconds'?: number;
  readonly 'log-level'?: string;
  readonly json?: boolean;
}

/** `millrace ui`. */
export function uiSpec(): CommandSpec<UiFlags> {
  return {
    flags: {
      port: numberFlag({ least: 0, most: 65_535 }, 'TCP port; 0 for a free one (default: 4040)'),
      host: parsedFlag(
        'address',
        'The address to listen at (default: 127.0.0.1, this machine alone)',
        checkedBy('host', 'an address or a name of this machine, such as 127.0.0.1 or ::1'),
      ),
      'token-file': textFlag(
        'path',
        'A file with the token; there is no flag for the token itself [MILLRACE_UI_TOKEN]',
      ),
      'allowed-host': {
        ...listFlag('name', 'A name under which browsers may ask for the page; several times for several'),
        parse: checkedBy('allowedHosts', 'a name without port, such as millrace.example.com'),
      },
      'interval-seconds': numberFlag(
        { what: 'seconds', least: 1, most: 3_600 },
        'How often the lease table is looked at while somebody looks at the page (default: 5)',
      ),
      ...optionFlags([...applicationOptions, ...streamOptions]),
      ...sourceFlags,
      'log-level': logLevelFlag,
      json: jsonFlag('the address as one JSON line'),
    },
    description:
      'Serves the page of an application as its lease table shows it: who reads which shard, how far behind, what moves. The ' +
      'workers know more, and each can serve a page of its own (docs/page.md). The address that is printed carries the token. ' +
      'Every second look also asks Kinesis for the lags, one read of each shard. It changes nothing. SIGINT and SIGTERM end it.',
    usage: ['--application-name mailer --stream-name orders [--port 4040]'],
  };
}

/** Checks a text as the page's own option does, and speaks of the flag. */
function checkedBy(option: 'host' | 'allowedHosts', expects: string): (text: string) => string {
  return (text) => {
    try {
      checkedUiOptions({ [option]: option === 'host' ? text : [text] });
    } catch {
      throw new Error(`give ${expects}`);
    }
    return text;
  };
}
