import type { CommandSpec } from '../command.ts';
import { type SourceFlags, jsonFlag, sourceFlags } from '../flags/common-flags.ts';
import { listFlag, numberFlag, switchFlag, textFlag, wordFlag } from '../flags/flag.ts';
import { type GivenMoment, momentFlag } from '../flags/moment.ts';
import { applicationOptions, optionFlags, streamOptions } from '../flags/option-flags.ts';

/** The flags of all commands about state; all others are options that say which application is meant. */
export interface StateFlags extends SourceFlags {
  readonly state?: string;
  readonly json?: boolean;
}

/** The flags of commands that change something. */
export interface StateChangeFlags extends StateFlags {
  readonly 'dry-run'?: boolean;
  readonly yes?: boolean;
}

/** The flags of `millrace state rewind`. */
export interface StateRewindFlags extends StateChangeFlags {
  readonly to?: GivenMoment;
  readonly 'batch-id'?: number;
  readonly 'versions-back'?: number;
  readonly force?: boolean;
  readonly shard?: readonly string[];
}

/** The flags of `millrace state migrate`. */
export interface StateMigrateFlags extends StateChangeFlags {
  readonly 'to-state'?: string;
  readonly 'to-scope'?: 'shard' | 'application';
  readonly 'discard-state'?: boolean;
}

const place = 'folder|s3://bucket/prefix';
const most = 999_999_999_999_999;

const common = () => ({
  state: textFlag(place, 'Where the program keeps its state; default: where its last commit says'),
  ...optionFlags([...applicationOptions, ...streamOptions]),
  ...sourceFlags,
});

const changing = {
  'dry-run': switchFlag('Only shows what would be done'),
  yes: switchFlag('Agrees beforehand; needed where there is no terminal to ask on'),
};

/** `millrace state inspect`. */
export function stateInspectSpec(): CommandSpec<StateFlags> {
  return {
    flags: { ...common(), json: jsonFlag('each commit group as one JSON line') },
    description:
      'Prints what a streaming program has committed: its commit groups (one a shard, or one for all), the last batch of each, ' +
      'the lineage, which counts seeks and rewinds, and the versions that can be gone back to. It reads all of each last ' +
      'version, so that damage shows, and changes nothing.',
    usage: ['--application-name counts --stream-name lines [--state /var/lib/counts] [--json]'],
  };
}

/** `millrace state rewind`. */
export function stateRewindSpec(): CommandSpec<StateRewindFlags> {
  return {
    flags: {
      to: momentFlag([], 'The newest version of that time or before it'),
      'batch-id': numberFlag({ what: 'batches', least: 1, most }, 'The version of that batch; of one group'),
      'versions-back': numberFlag({ what: 'versions', least: 1, most }, 'So many versions before the last one'),
      force: switchFlag('Also where the stream may have trimmed records that are to be counted again'),
      shard: listFlag('shard', 'Takes this shard alone back; may be given several times'),
      ...changing,
      ...common(),
      json: jsonFlag('what was done to each group as one JSON line'),
    },
    description:
      'Goes back to an earlier version: state and positions together, so that no record counts twice or is left out. Each ' +
      'group is one conditional write, which takes it from whoever holds it; the program may run meanwhile. Kinesis is asked ' +
      'before whether the stream still has the records that follow (MR_POSITION_TRIMMED). Of the outputs, ' +
      'fileSink takes back what it has written since; what others have shown is not undone.\n\nIt shows what it would do and asks, unless told --yes.',
    usage: [
      '--application-name counts --stream-name lines --versions-back 3 --dry-run',
      '--application-name counts --stream-name lines --to 15m [--shard shardId-000000000000] [--yes]',
    ],
  };
}

/** `millrace state migrate`. */
export function stateMigrateSpec(): CommandSpec<StateMigrateFlags> {
  return {
    flags: {
      'to-state': textFlag(place, 'Copies the state there, and has the program go on from the copy'),
      'to-scope': wordFlag(['shard', 'application'], 'Puts the state of shards together, or divides it'),
      'discard-state': switchFlag('Gives all state up, and removes it; the positions stay'),
      ...changing,
      ...common(),
      json: jsonFlag('what was done to each group as one JSON line'),
    },
    description:
      'Brings the state of a streaming program to another place, or to the scope that its plan has now (MR_SCOPE_CHANGED), or ' +
      'gives it up; one of the three. Stop the program first: whoever runs it loses its leases. One that was interrupted is ' +
      'done again from the beginning.\n\nIt shows what it would do and asks, unless told --yes.',
    usage: [
      '--application-name counts --stream-name lines --to-scope application --dry-run',
      '--application-name counts --stream-name lines --to-state s3://my-bucket/counts [--yes]',
      '--application-name counts --stream-name lines --discard-state [--yes]',
    ],
  };
}
