import type { CommandDefinition } from './command.ts';

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
  consume: {
    brief: 'Print the records of a stream, or hand them to a program, and checkpoint what was taken',
    load: async () => (await import('./definitions/consume.ts')).consumeDefinition(),
  },
  leases: {
    brief: 'Show who reads which shard, and how far each has come',
    load: async () => (await import('./definitions/leases.ts')).leasesDefinition(),
  },
  lag: {
    brief: 'Show how far the checkpoints of an application are behind',
    load: async () => (await import('./definitions/lag.ts')).lagDefinition(),
  },
  shards: {
    brief: 'Show the shards of a stream, their parents and what part of the keys each takes',
    load: async () => (await import('./definitions/shards.ts')).shardsDefinition(),
  },
  bench: {
    brief: 'Measure what a stream gives and what reading it takes, without leases and checkpoints',
    load: async () => (await import('./definitions/bench.ts')).benchDefinition(),
  },
};

/** Whether an entry is a word with commands under it. */
export function isGroup(entry: CommandLeaf | CommandGroup): entry is CommandGroup {
  return 'commands' in entry;
}
