import type { SeekState } from '../../app/admin.ts';
import type { CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { listFlag, parsedFlag, switchFlag } from '../flags/flag.ts';
import { type GivenMoment, momentOf } from '../flags/moment.ts';
import { applicationOptions, optionFlags, streamOptions } from '../flags/option-flags.ts';

/** Where a seek goes. */
export type GivenPlace =
  | 'TRIM_HORIZON'
  | 'LATEST'
  | GivenMoment
  | { readonly afterSequenceNumber: string; readonly subSequenceNumber: number };

/** The flags of the command itself; all others are options that say which application and stream are meant. */
export interface SeekFlags extends SourceFlags {
  readonly to?: GivenPlace;
  readonly shard?: readonly string[];
  /** What becomes of an engine's state. */
  readonly state?: SeekState;
  readonly 'dry-run'?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `millrace seek`. */
export function seekSpec(): CommandSpec<SeekFlags> {
  return {
    flags: {
      to: parsedFlag(
        'TRIM_HORIZON|LATEST|time|ago|sequence number',
        'Where to go: the oldest record, what comes from now on, a time, how long ago, or behind a record',
        placeOf,
      ),
      shard: listFlag('shard', 'Moves this shard alone; may be given several times'),
      state: parsedFlag(
        'KEEP|EMPTY|batch id',
        'What becomes of the state of a streaming program: it stays, begins with none, or is that of a batch again',
        seekStateOf,
      ),
      'dry-run': switchFlag('Only shows what would be done'),
      yes: switchFlag('Agrees beforehand; needed where there is no terminal to ask on'),
      ...optionFlags([...applicationOptions, ...streamOptions]),
      ...sourceFlags,
      json: jsonFlag('what was done to each shard as one JSON line'),
    },
    description:
      'Moves an application to another place of its stream, while its workers run or not. One conditional write for each ' +
      'lease sets the checkpoint, takes the lease from its owner and fences it; the next tenure begins at the new place. What ' +
      'a handler has done already is not undone. Where a streaming program has committed state, --state must say what becomes ' +
      'of it; to go back with it, use millrace state rewind.\n\n' +
      'It shows what it would do and asks, unless told --yes. Times have a zone, as in 2026-01-31T12:00:00Z, or say how long ' +
      'ago: 90s, 15m, 2h, 1d. A sequence number counts that record as finished; a place inside an aggregate follows a colon, ' +
      'and exactly one --shard is needed.',
    usage: [
      '--application-name mailer --stream-name orders --to 2h --dry-run',
      '--application-name mailer --stream-name orders --to TRIM_HORIZON [--shard shardId-000000000000] [--yes]',
    ],
  };
}

function seekStateOf(text: string): SeekState {
  if (text === 'KEEP' || text === 'EMPTY') return text;
  if (/^[1-9]\d{0,14}$/.test(text)) return { batchId: Number(text) };
  throw new Error('give KEEP, EMPTY or the id of a batch');
}

function placeOf(text: string): GivenPlace {
  const [, afterSequenceNumber, sub] = /^(\d{1,128})(?::(\d{1,15}))?$/.exec(text) ?? [];
  if (afterSequenceNumber !== undefined) return { afterSequenceNumber, subSequenceNumber: Number(sub ?? 0) };
  return momentOf(['TRIM_HORIZON', 'LATEST'], text);
}
