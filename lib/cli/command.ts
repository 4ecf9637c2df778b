import { type Command, type FlagParametersForType, buildCommand } from '@stricli/core';
import type { CommandContext } from './command-io.ts';

/** The flags of a command as the parser takes them, by name without dashes. */
export type FlagTable<FLAGS> = FlagParametersForType<FLAGS, CommandContext>;

/** An argument that is no flag. */
export interface PositionalArgument {
  /** How the help calls it: `WORKER`. */
  readonly placeholder: string;
  readonly brief: string;
}

/** What {@link defineCommand} makes a command of. */
export interface CommandSpec<FLAGS, ARGS extends readonly string[]> {
  readonly flags: FlagTable<FLAGS>;
  /** The arguments before `--`, all of them needed. */
  readonly positional?: readonly PositionalArgument[];
  /** What stands behind `--` and is handed to the command as it is; absent for a command that takes nothing there. */
  readonly rest?: PositionalArgument;
  readonly docs: {
    readonly brief: string;
    readonly description: string;
    /** Usage lines without the name of the command. */
    readonly usage: readonly string[];
  };
  /** Loads what the command does: the AWS clients come with it, so neither help nor a slip in a flag costs them. */
  readonly load: () => Promise<(this: CommandContext, flags: FLAGS, ...args: ARGS) => Promise<void>>;
}

/** A command with all its flags, ready for the parser. */
export interface CommandDefinition {
  readonly command: Command<CommandContext>;
  /** Names of the flags without dashes, for "did you mean". */
  readonly flagNames: readonly string[];
  /** Whether `--` ends the flags. */
  readonly takesRest: boolean;
}

/** Makes a command. */
export function defineCommand<FLAGS extends object, ARGS extends readonly string[] = []>(
  spec: CommandSpec<FLAGS, ARGS>,
): CommandDefinition {
  const { flags, positional = [], rest, docs } = spec;
  // The parser's types tie the shape of the arguments to that of the function; here they are texts, in order.
  const build = buildCommand as (builder: object) => Command<CommandContext>;
  return {
    command: build({
      loader: spec.load,
      parameters: { flags, ...argumentsOf(positional, rest) },
      docs: {
        brief: docs.brief,
        fullDescription: docs.description,
        ...(docs.usage.length === 0 ? {} : { customUsage: docs.usage }),
      },
    }),
    flagNames: Object.keys(flags),
    takesRest: rest !== undefined,
  };
}

function argumentsOf(positional: readonly PositionalArgument[], rest: PositionalArgument | undefined): object {
  const parameter = ({ placeholder, brief }: PositionalArgument) => ({
    placeholder,
    brief,
    parse: (text: string) => text,
  });
  if (rest !== undefined) return { positional: { kind: 'array', parameter: parameter(rest) } };
  if (positional.length === 0) return {};
  return { positional: { kind: 'tuple', parameters: positional.map(parameter) } };
}
