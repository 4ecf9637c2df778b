import type { CommandSpec } from '../command.ts';
import { type SourceFlags, logLevelFlag, sourceFlags } from '../flags/common-flags.ts';
import { listFlag, numberFlag, parsedFlag, switchFlag } from '../flags/flag.ts';
import { type GivenMoment, momentFlag } from '../flags/moment.ts';
import { optionFlags, readingOptions } from '../flags/option-flags.ts';
import { type Template, compileTemplate, templateFields } from '../render/template.ts';

/** The flags of the command itself; all others are options that say which stream is read and how. */
export interface TailFlags extends SourceFlags {
  readonly from?: 'TRIM_HORIZON' | 'LATEST' | GivenMoment;
  readonly until?: 'CAUGHT_UP' | 'LATEST' | GivenMoment;
  readonly shard?: readonly string[];
  readonly key?: readonly string[];
  readonly limit?: number;
  readonly template?: Template;
  readonly 'log-level'?: string;
  readonly json?: boolean;
}

/** `millrace tail`. */
export function tailSpec(): CommandSpec<TailFlags> {
  return {
    flags: {
      from: momentFlag(['TRIM_HORIZON', 'LATEST'], 'Where to begin: a word, a time, or how long ago (default: LATEST)'),
      until: momentFlag(['CAUGHT_UP', 'LATEST'], 'Where to end (default: not at all)'),
      shard: listFlag('shard', 'Reads this shard alone; may be given several times'),
      key: listFlag(
        'pattern',
        'Prints records with this partition key, * for any characters; several times for several',
      ),
      limit: numberFlag({ what: 'records', least: 1, most: 1_000_000_000_000 }, 'Ends after so many records'),
      template: parsedFlag(
        'text',
        `Prints this for each record; the fields are {${templateFields.join('}, {')}}`,
        compileTemplate,
      ),
      ...optionFlags(readingOptions),
      ...sourceFlags,
      'log-level': logLevelFlag,
      json: switchFlag('Writes errors as one JSON line on stderr; records are JSON lines anyway'),
    },
    description:
      'Reads shards and prints the JSON lines of millrace consume, or a template. No table is touched, no lease taken and no ' +
      'checkpoint moved, so it may run beside any application. By polling it takes its part of the 5 reads and 2 MB a second ' +
      'that all consumers of a shard share; with --retrieval-mode FAN_OUT it registers a stream consumer, millrace-tail unless ' +
      'told another, and deregisters it at the end.\n\n' +
      'Times have a zone, as in 2026-01-31T12:00:00Z, or say how long ago: 90s, 15m, 2h, 1d. Records are in order within a ' +
      'shard. SIGINT and SIGTERM end it.',
    usage: [
      '--stream-name orders [--from 15m] [--until CAUGHT_UP] [flags]',
      "--stream-name orders --key 'customer-*' --template '{partitionKey}\\t{data}'",
    ],
  };
}
