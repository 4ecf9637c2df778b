import type { CommandSpec } from '../command.ts';
import { jsonFlag } from '../flags/common-flags.ts';
import { numberFlag, textFlag } from '../flags/flag.ts';

/** The flags of the command. */
export interface DevFlags {
  readonly 'stream-name'?: string;
  readonly shards?: number;
  readonly records?: number;
  readonly 'records-per-second'?: number;
  readonly seed?: number;
  readonly port?: number;
  readonly json?: boolean;
}

/** `millrace dev`. */
export function devSpec(): CommandSpec<DevFlags> {
  return {
    flags: {
      'stream-name': textFlag('name', 'The stream (default: orders)'),
      shards: numberFlag({ what: 'shards', least: 1, most: 1_000 }, 'Shards of the stream (default: 2)'),
      records: numberFlag(
        { what: 'records', least: 0, most: 1_000_000 },
        'Records that are there at once (default: 100)',
      ),
      'records-per-second': numberFlag(
        { what: 'records', least: 0, most: 10_000 },
        'Records that come every second from then on (default: 10)',
      ),
      seed: numberFlag({ least: 0, most: 4_294_967_295 }, 'Draws the records; the same gives the same (default: 1)'),
      port: numberFlag({ least: 0, most: 65_535 }, 'TCP port on 127.0.0.1; 0 for a free one (default: 4567)'),
      json: jsonFlag('the address and the environment as one JSON line'),
    },
    description:
      'Starts Kinesis and DynamoDB on this machine, with a stream into which orders of a shop are put, and prints the ' +
      'environment in which every command and program of Millrace finds them. Nothing is sent to AWS, no credentials are ' +
      'needed, and everything is in memory: gone at the end. SIGINT and SIGTERM end it.',
    usage: ['[--shards 4] [--records-per-second 100] [--stream-name orders]'],
  };
}
