import type { CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { type TextFlag, parsedFlag, switchFlag, wordFlag } from '../flags/flag.ts';
import { optionFlags, streamOptions } from '../flags/option-flags.ts';

/** The flags of the command itself; all others are options that say which stream is meant. */
export interface ProduceFlags extends SourceFlags {
  readonly input?: 'text' | 'json';
  readonly 'partition-key'?: string;
  readonly aggregate?: boolean;
  readonly json?: boolean;
}

/** Kinesis: 1 to 256 characters. */
const partitionKeyFlag: TextFlag<string> = parsedFlag(
  'key',
  'The partition key of every record (default: a random one for each, or that of the JSON line)',
  (text) => {
    const { length } = Array.from(text);
    if (length < 1 || length > 256) throw new Error('give 1 to 256 characters');
    return text;
  },
);

/** `millrace produce`. */
export function produceSpec(): CommandSpec<ProduceFlags> {
  return {
    flags: {
      ...optionFlags(streamOptions),
      input: wordFlag(
        ['text', 'json'],
        'What a line of the input is: the data, or an object as consume prints it (default: text)',
      ),
      'partition-key': partitionKeyFlag,
      aggregate: switchFlag('Puts many lines in one record, in the format of the Kinesis Producer Library'),
      ...sourceFlags,
      json: jsonFlag('what was put as one JSON line'),
    },
    description:
      'Reads lines from standard input and puts each as a record. With --input json a line is an object with data (a text), ' +
      'and may have partitionKey, explicitHashKey and encoding ("utf8" or "base64"); all other members are left alone, so that ' +
      'the lines of consume, tail and a dead-letter file can be put again. Records of one key are put in their order; what ' +
      'Kinesis refuses for its limits is offered again, and may then land behind a later one. Progress is shown on a ' +
      'terminal. SIGINT and SIGTERM put what was read and end it; a second one ends it at once.',
    usage: ['--stream-name orders < lines.txt', '--stream-name orders --input json [--aggregate] < records.jsonl'],
  };
}
