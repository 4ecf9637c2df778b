import { readFile } from 'node:fs/promises';
import {
  AliasNotFoundError,
  type Application,
  type ApplicationText,
  ArgumentParseError,
  type Command,
  FlagNotFoundError,
  type RouteMap,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
  buildApplication,
  buildCommand,
  buildRouteMap,
  text_en,
} from '@stricli/core';
import { unknownName } from '../app/config/given-value.ts';
import { showValue } from '../app/config/problem.ts';
import { type ErrorCode, MillraceError, isMillraceError, messageOf } from '../base/error.ts';
import { nearestName } from '../base/text.ts';
import type { CommandDefinition } from './command.ts';
import type { CommandContext } from './command-io.ts';
import { type CommandGroup, type CommandTable, commandTable, isGroup } from './command-table.ts';

/**
 * The command line as the parser sees it, with the one command loaded that the arguments name: all others are a name and a
 * line of help. Everything that goes wrong is handed to `report` as an error and printed by the caller.
 */
export async function buildMillrace(
  argv: readonly string[],
  report: (thrown: unknown) => void,
): Promise<Application<CommandContext>> {
  const named: Named = { path: [], commandNames: Object.keys(commandTable), definition: undefined };
  const root = await routesOf({ brief, commands: commandTable }, argv, named, rootDescription);
  return buildApplication(root, {
    name: 'millrace',
    versionInfo: { getCurrentVersion: currentVersion },
    scanner: { allowArgumentEscapeSequence: named.definition?.takesRest ?? false },
    documentation: { disableAnsiColor: true, onlyRequiredInUsageLine: true },
    localization: { text: reportingText(report, named) },
  });
}

const brief = 'Millrace: consume Amazon Kinesis streams';
const rootDescription =
  `${brief}.\n\nWithout AWS: millrace dev. What is wrong: millrace doctor --stream-name S. ` +
  'The flags of a command: millrace COMMAND --help. Every command takes --json.';

/** What the arguments name: the words on the way, what could stand after them, and the command. */
interface Named {
  path: string[];
  commandNames: string[];
  definition: CommandDefinition | undefined;
}

/** The commands of a group, of which only the one on the way of the arguments is loaded. */
async function routesOf(
  group: CommandGroup,
  [word, ...further]: readonly string[],
  named: Named,
  fullDescription = group.brief,
): Promise<RouteMap<CommandContext>> {
  const routes: Record<string, Command<CommandContext> | RouteMap<CommandContext>> = {};
  for (const [name, entry] of Object.entries(group.commands)) {
    if (name !== word) {
      routes[name] = isGroup(entry) ? emptyGroup(entry) : nameOnly(entry.brief);
      continue;
    }
    named.path.push(name);
    if (isGroup(entry)) {
      named.commandNames = Object.keys(entry.commands);
      routes[name] = await routesOf(entry, further, named);
    } else {
      named.definition = await entry.load();
      routes[name] = named.definition.command;
    }
  }
  return buildRouteMap<string, CommandContext>({ routes, docs: { brief: group.brief, fullDescription } });
}

function emptyGroup({ brief, commands }: { brief: string; commands: CommandTable }): RouteMap<CommandContext> {
  const routes = Object.fromEntries(Object.keys(commands).map((name) => [name, nameOnly('')]));
  return buildRouteMap<string, CommandContext>({ routes, docs: { brief } });
}

/** A command that is named in the help and never run: the arguments name another one. */
function nameOnly(brief: string): Command<CommandContext> {
  return buildCommand<object, [], CommandContext>({
    loader: async () => async () => {},
    parameters: {},
    docs: { brief },
  });
}

async function currentVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The parser's texts, with every text of an error turned into a report. */
function reportingText(report: (thrown: unknown) => void, named: Named): ApplicationText {
  const passOn = (thrown: unknown): string => {
    report(thrown);
    return '';
  };
  return {
    ...text_en,
    noCommandRegisteredForInput: ({ input }) => passOn(unknownCommand(input, named)),
    exceptionWhileParsingArguments: (thrown) => passOn(usageError(thrown, named.definition?.flagNames ?? [])),
    exceptionWhileLoadingCommandFunction: passOn,
    exceptionWhileLoadingCommandContext: passOn,
    exceptionWhileRunningCommand: passOn,
    commandErrorResult: passOn,
  };
}

function unknownCommand(input: string, { path, commandNames }: Named): MillraceError {
  if (input.startsWith('-')) {
    const remedy = `give the command first, as in ${['millrace', ...path, commandNames[0]].join(' ')} ${input}`;
    return usage('MR_CONFIG_INVALID', `${showValue(input)} comes before the command: ${remedy}`);
  }
  const nearest = nearestName(input, commandNames);
  const remedy = nearest === undefined ? `the commands are ${commandNames.join(', ')}` : `did you mean ${nearest}?`;
  const shown = [...path, input].join(' ');
  return usage('MR_CONFIG_UNKNOWN', `unknown command ${showValue(shown)}: ${remedy}`);
}

/** What is wrong with the arguments, in the words of the configuration. */
function usageError(thrown: unknown, flags: readonly string[]): MillraceError {
  if (thrown instanceof FlagNotFoundError) return unknownFlag(`--${thrown.input.replace(/^-+/, '')}`, flags);
  if (thrown instanceof AliasNotFoundError) return unknownFlag(`-${thrown.input}`, flags);
  if (thrown instanceof UnsatisfiedFlagError) {
    return usage('MR_CONFIG_INVALID', `--${thrown.externalFlagName} has no value: give one after it`);
  }
  if (thrown instanceof UnsatisfiedPositionalError) {
    return usage('MR_CONFIG_INVALID', `${thrown.placeholder} is missing: give it after the command`);
  }
  if (thrown instanceof UnexpectedFlagError) {
    const { externalFlagName: name, previousInput, input } = thrown;
    const values = `${JSON.stringify(previousInput)} and ${JSON.stringify(input)}`;
    return usage('MR_CONFIG_INVALID', `--${name} is given twice, ${values}: give it once`);
  }
  if (thrown instanceof UnexpectedPositionalError) {
    // The parser takes a flag with nothing behind its sign for an argument.
    const [, name] = /^--([\w-]+)=$/.exec(thrown.input) ?? [];
    if (name !== undefined) return usage('MR_CONFIG_INVALID', `--${name} has no value: give one after it`);
    return usage('MR_CONFIG_INVALID', `unexpected argument ${JSON.stringify(thrown.input)}: options begin with --`);
  }
  if (thrown instanceof ArgumentParseError) return unusableValue(thrown, flags);
  return usage('MR_CONFIG_INVALID', messageOf(thrown));
}

function unusableValue(
  { externalFlagNameOrPlaceholder: name, input, exception }: ArgumentParseError,
  flags: readonly string[],
): MillraceError {
  if (isMillraceError(exception)) return exception;
  const shown = flags.includes(name) ? `--${name}` : name;
  const remedy = exception instanceof SyntaxError ? 'give it without a value' : messageOf(exception);
  return usage('MR_CONFIG_INVALID', `${shown} is ${showValue(input)}: ${remedy}`, name);
}

function unknownFlag(shown: string, flags: readonly string[]): MillraceError {
  const problem = unknownName(
    shown,
    [...flags, 'help', 'version'].map((flag) => `--${flag}`),
  );
  return usage(problem.code, problem.message, shown);
}

function usage(code: ErrorCode, message: string, option?: string): MillraceError {
  return new MillraceError(code, message, option === undefined ? {} : { subject: { option } });
}
