import { type CommandDefinition, type CommandFunction, type CommandSpec, defineCommand } from './command.ts';

/** A command by name: one line for the help, and where the rest of it is. */
export interface CommandLeaf {
  readonly brief: string;
  /** Loads its flags and texts, but not yet what it does. */
  readonly load: () => Promise<CommandDefinition>;
}

/** Commands under a common word, such as `state list`. */
export interface CommandGroup {
  readonly brief: string;
  readonly commands: CommandTable;
}

/** Commands by name, in the order of the help. */
export interface CommandTable {
  readonly [name: string]: CommandLeaf | CommandGroup;
}

/**
 * The commands of Millrace. Nothing here loads one of them: `millrace --help` costs this file, and a command costs its own
 * flags alone. A further command is an entry here, a file in `definitions` and one in `commands`.
 */
export const commandTable: CommandTable = {
  consume: command(
    'Print the records of a stream, or hand them to a program, and checkpoint what was taken',
    async () => (await import('./definitions/consume.ts')).consumeSpec,
    async () => (await import('./commands/consume.ts')).consume,
  ),
  tail: command(
    'Print records as they come, from any time on, without leases and checkpoints',
    async () => (await import('./definitions/tail.ts')).tailSpec,
    async () => (await import('./commands/tail.ts')).tail,
  ),
  produce: command(
    'Put the lines of standard input into a stream',
    async () => (await import('./definitions/produce.ts')).produceSpec,
    async () => (await import('./commands/produce.ts')).produce,
  ),
  leases: command(
    'Show who reads which shard, and how far each has come',
    async () => (await import('./definitions/leases.ts')).leasesSpec,
    async () => (await import('./commands/leases.ts')).leases,
  ),
  lag: command(
    'Show how far the checkpoints of an application are behind',
    async () => (await import('./definitions/lag.ts')).lagSpec,
    async () => (await import('./commands/lag.ts')).lag,
  ),
  shards: command(
    'Show the shards of a stream, their parents and what part of the keys each takes',
    async () => (await import('./definitions/shards.ts')).shardsSpec,
    async () => (await import('./commands/shards.ts')).shards,
  ),
  ui: command(
    'Serve the page of an application as its lease table shows it',
    async () => (await import('./definitions/ui.ts')).uiSpec,
    async () => (await import('./commands/ui.ts')).ui,
  ),
  seek: command(
    'Move an application to another place of its stream',
    async () => (await import('./definitions/seek.ts')).seekSpec,
    async () => (await import('./commands/seek.ts')).seek,
  ),
  state: {
    brief: 'Show what a streaming program has committed, go back in it, or bring it elsewhere',
    commands: {
      inspect: command(
        'Show the commit groups of an application and the versions that can be gone back to',
        async () => (await import('./definitions/state.ts')).stateInspectSpec,
        async () => (await import('./commands/state-inspect.ts')).stateInspect,
      ),
      rewind: command(
        'Go back to an earlier version, state and positions together',
        async () => (await import('./definitions/state.ts')).stateRewindSpec,
        async () => (await import('./commands/state-rewind.ts')).stateRewind,
      ),
      migrate: command(
        'Bring state to another place or scope, or give it up',
        async () => (await import('./definitions/state.ts')).stateMigrateSpec,
        async () => (await import('./commands/state-migrate.ts')).stateMigrate,
      ),
    },
  },
  drain: command(
    'Have a running worker finish, give its leases back and end',
    async () => (await import('./definitions/drain.ts')).drainSpec,
    async () => (await import('./commands/drain.ts')).drain,
  ),
  replay: command(
    'Hand the records of a dead-letter file to a program or a module',
    async () => (await import('./definitions/replay.ts')).replaySpec,
    async () => (await import('./commands/replay.ts')).replay,
  ),
  config: command(
    'Print each option, its value and where it comes from',
    async () => (await import('./definitions/config.ts')).configSpec,
    async () => (await import('./commands/config.ts')).config,
  ),
  doctor: command(
    'Check credentials, permissions, limits, clock, table and index',
    async () => (await import('./definitions/doctor.ts')).doctorSpec,
    async () => (await import('./commands/doctor.ts')).doctor,
  ),
  dev: command(
    'Start Kinesis and DynamoDB on this machine, with a seeded stream',
    async () => (await import('./definitions/dev.ts')).devSpec,
    async () => (await import('./commands/dev.ts')).dev,
  ),
  bench: command(
    'Measure what a stream gives and what reading it takes, without leases and checkpoints',
    async () => (await import('./definitions/bench.ts')).benchSpec,
    async () => (await import('./commands/bench.ts')).bench,
  ),
};

/** Whether an entry is a word with commands under it. */
export function isGroup(entry: CommandLeaf | CommandGroup): entry is CommandGroup {
  return 'commands' in entry;
}

function command<FLAGS extends object, ARGS extends readonly string[]>(
  brief: string,
  loadSpec: () => Promise<() => CommandSpec<FLAGS, ARGS>>,
  loadFunction: () => Promise<CommandFunction<FLAGS, ARGS>>,
): CommandLeaf {
  return { brief, load: async () => defineCommand(brief, (await loadSpec())(), loadFunction) };
}
