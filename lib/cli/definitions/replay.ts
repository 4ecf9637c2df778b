import type { CommandSpec } from '../command.ts';
import { jsonFlag } from '../flags/common-flags.ts';
import { textFlag, wordFlag } from '../flags/flag.ts';

/** The flags of the command. */
export interface ReplayFlags {
  readonly exec?: string;
  readonly 'exec-input'?: 'json' | 'data';
  readonly module?: string;
  readonly json?: boolean;
}

/** `millrace replay`. */
export function replaySpec(): CommandSpec<ReplayFlags, [string, ...string[]]> {
  return {
    flags: {
      exec: textFlag('program', 'Starts this program for every record, which it gets on its standard input'),
      'exec-input': wordFlag(
        ['json', 'data'],
        'What the program gets: a JSON line of the record, or its data and a newline (default: json)',
      ),
      module: textFlag('path', 'Runs the default export of this file, a function of a batch'),
      json: jsonFlag('what was replayed as one JSON line'),
    },
    positional: [{ placeholder: 'FILE', brief: 'The dead-letter file, as deadLetterFile writes it' }],
    rest: { placeholder: 'argument', brief: 'Arguments of the program of --exec' },
    description:
      'Hands the records of a dead-letter file to a program or a module, one after the other in the order of the file, which ' +
      'stays as it is: remove it when the replay is done. The first failure ends it, and names the line. Lines that hold no ' +
      'record, such as half a line that a crash has left, are named on stderr. SIGINT and SIGTERM end it after the record ' +
      'that is being processed.',
    usage: ['failed.jsonl --exec ./load.sh -- --table orders', 'failed.jsonl --module ./handler.js'],
  };
}
