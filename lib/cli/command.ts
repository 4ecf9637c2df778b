import { type Command, type FlagParametersForType, buildCommand } from '@stricli/core';
import { MillraceError } from '../base/error.ts';
import type { CommandContext } from './command-io.ts';

/** The flags of a command as the parser takes them, by name without dashes. */
export type FlagTable<FLAGS> = FlagParametersForType<FLAGS, CommandContext>;

/** An argument that is no flag. */
export interface PositionalArgument {
  /** How the help calls it: `WORKER`. */
  readonly placeholder: string;
  readonly brief: string;
}

/** What a command does. */
export type CommandFunction<FLAGS, ARGS extends readonly string[] = []> = (
  this: CommandContext,
  flags: FLAGS,
  ...args: ARGS
) => Promise<void>;

/** The flags, arguments and texts of a command whose function takes `FLAGS` and `ARGS`. */
export interface CommandSpec<FLAGS, ARGS extends readonly string[] = []> {
  readonly flags: FlagTable<FLAGS>;
  /** The arguments before `--`, all of them needed. */
  readonly positional?: readonly PositionalArgument[];
  /** What stands behind `--` and is handed to the command as it is; absent for a command that takes nothing there. */
  readonly rest?: PositionalArgument;
  readonly description: string;
  /** Usage lines without the name of the command. */
  readonly usage: readonly string[];
  /** Only ties the arguments to the function. */
  readonly arguments?: ARGS;
}

/** A command with all its flags, ready for the parser. */
export interface CommandDefinition {
  readonly command: Command<CommandContext>;
  /** Names of the flags without dashes, for "did you mean". */
  readonly flagNames: readonly string[];
  /** Whether `--` ends the flags. */
  readonly takesRest: boolean;
}

/**
 * Makes a command. `load` loads what it does, when it is run: the AWS clients come with it, so that neither help nor a slip
 * in a flag costs them.
 */
export function defineCommand<FLAGS extends object, ARGS extends readonly string[]>(
  brief: string,
  spec: CommandSpec<FLAGS, ARGS>,
  load: () => Promise<CommandFunction<FLAGS, ARGS>>,
): CommandDefinition {
  const { flags, positional = [], rest, description, usage } = spec;
  // The parser's types tie the shape of the arguments to that of the function; here they are texts, in order.
  const build = buildCommand as (builder: object) => Command<CommandContext>;
  return {
    command: build({
      loader: rest === undefined ? load : async () => withoutSurplus(await load(), positional.length),
      parameters: { flags, ...argumentsOf(positional, rest) },
      docs: { brief, fullDescription: description, ...(usage.length === 0 ? {} : { customUsage: usage }) },
    }),
    flagNames: Object.keys(flags),
    takesRest: rest !== undefined,
  };
}

/**
 * The parser puts what stands before and behind `--` into one list. A second file before it is a slip, and no argument for
 * the program that is named elsewhere.
 */
function withoutSurplus<FLAGS, ARGS extends readonly string[]>(
  run: CommandFunction<FLAGS, ARGS>,
  wanted: number,
): CommandFunction<FLAGS, ARGS> {
  return async function checked(flags, ...args) {
    const surplus = args.length - this.behindDashes > wanted ? args[wanted] : undefined;
    if (surplus === undefined) return run.call(this, flags, ...args);
    const remedy = 'options begin with --, and arguments of a program stand behind -- alone';
    throw new MillraceError('MR_CONFIG_INVALID', `unexpected argument ${JSON.stringify(surplus)}: ${remedy}`);
  };
}

function argumentsOf(positional: readonly PositionalArgument[], rest: PositionalArgument | undefined): object {
  const parameter = ({ placeholder, brief }: PositionalArgument) => ({
    placeholder,
    brief,
    parse: (text: string) => text,
  });
  if (rest !== undefined) {
    // The parser has no tuple with a rest: the first ones are told apart by their place alone.
    const [first = rest] = positional;
    return { positional: { kind: 'array', minimum: positional.length, parameter: parameter(first) } };
  }
  if (positional.length === 0) return {};
  return { positional: { kind: 'tuple', parameters: positional.map(parameter) } };
}
