import { type CommandSpec, type FlagTable } from '../command.ts';
import { type SourceFlags, logLevelFlag, sourceFlags } from '../flags/common-flags.ts';
import { numberFlag, switchFlag, textFlag, wordFlag } from '../flags/flag.ts';
import { allOptionFlags } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options of the consumer, as text. */
export interface ConsumeFlags extends SourceFlags {
  readonly exec?: string;
  readonly 'exec-input'?: 'json' | 'data';
  readonly 'exec-processes'?: number;
  readonly module?: string;
  readonly 'log-level'?: string;
  readonly json?: boolean;
}

/** The most processes of `--exec` at once. */
const mostProcesses = 1_000;

/** `millrace consume`. */
export function consumeSpec(): CommandSpec<ConsumeFlags, readonly string[]> {
  return {
    flags: { ...allOptionFlags(), ...ownFlags },
    rest: { placeholder: 'argument', brief: 'Arguments of the program of --exec' },
    description:
      'Reads all shards of a stream together with the other workers of the same application, and prints one JSON ' +
      'line for each record on stdout: streamName, shardId, sequenceNumber, subSequenceNumber, partitionKey, ' +
      'approximateArrivalTimestamp, encoding ("utf8" or "base64"), data. Logs go to stderr. ' +
      'SIGINT and SIGTERM drain; a second one aborts.\n\n' +
      'With --exec a program is started for every block of records and gets them on its standard input; when it ends ' +
      'with 0 they are finished, else onFailure decides. What stands behind -- are its arguments; no shell is involved. ' +
      'It finds KINESIS_STREAM_NAME and KINESIS_SHARD_ID in its environment. ' +
      'With --module the default export of a file is run as the handler: a function of a batch, a record processor, or ' +
      'what fromLambda makes.\n\n' +
      'Flags win over environment variables (in brackets), these over the file of --config or --properties.\n\n' +
      'Exit codes: 0 done, drained or output closed; 1 failed; 2 usage or configuration; 3 stream or table ' +
      'missing, foreign, re-created or not active; 4 credentials or permission; 5 endpoint unreachable; ' +
      '6 stopped by onFailure; 7 drain deadline passed; 128+n second signal.',
    usage: [
      '--stream-name orders --application-name mailer [--region eu-west-1] [flags]',
      '--stream-name orders --application-name mailer --exec ./load.sh -- --table orders',
      '--stream-name orders --application-name mailer --module ./handler.js',
    ],
  };
}

const ownFlags: FlagTable<ConsumeFlags> = {
  exec: textFlag('program', 'Starts this program for every block of records, which it gets on its standard input'),
  'exec-input': wordFlag(
    ['json', 'data'],
    'What the program gets: a JSON line for each record, or its data and a newline (default: json)',
  ),
  'exec-processes': numberFlag(
    { what: 'processes', least: 1, most: mostProcesses },
    'The most programs that run at once, one for each shard (default: 16)',
  ),
  module: textFlag('path', 'Runs the default export of this file as the handler'),
  ...sourceFlags,
  'log-level': logLevelFlag,
  json: switchFlag('Writes errors as one JSON line on stderr; records are JSON lines anyway'),
};
