import { readFile } from 'node:fs/promises';
import {
  AliasNotFoundError,
  type Application,
  type ApplicationText,
  FlagNotFoundError,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  buildApplication,
  buildCommand,
  buildRouteMap,
  text_en,
} from '@stricli/core';
import { unknownName } from '../app/config/given-value.ts';
import { type ErrorCode, MillraceError, messageOf } from '../base/error.ts';
import { nearestName } from '../base/text.ts';
import type { CommandContext } from './command-io.ts';
import { type BenchFlags, benchFlagParameters } from './bench-flags.ts';
import { type ConsumeFlags, consumeFlagParameters } from './consume-flags.ts';

/** The commands of Millrace. */
const commandNames = ['consume', 'bench'];

/**
 * The command line as the parser sees it. Commands are loaded when they run, so that `--help` and a slip in a flag
 * cost no AWS client. Everything that goes wrong is handed to `report` as an error and printed by the caller.
 */
export function buildMillrace(report: (thrown: unknown) => void): Application<CommandContext> {
  const flags = consumeFlagParameters();
  const consume = buildCommand<ConsumeFlags, [], CommandContext>({
    loader: async () => (await import('./commands/consume.ts')).consume,
    parameters: { flags },
    docs: {
      brief: 'Print the records of a stream, one JSON line each, and checkpoint what was printed',
      fullDescription:
        'Reads all shards of a stream together with the other workers of the same application, and prints one JSON ' +
        'line for each record on stdout: streamName, shardId, sequenceNumber, subSequenceNumber, partitionKey, ' +
        'approximateArrivalTimestamp, encoding ("utf8" or "base64"), data. Logs go to stderr. ' +
        'SIGINT and SIGTERM drain; a second one aborts.\n\n' +
        'Flags win over environment variables (in brackets), these over the file of --config.\n\n' +
        'Exit codes: 0 done, drained or output closed; 1 failed; 2 usage or configuration; 3 stream or table ' +
        'missing, foreign, re-created or not active; 4 credentials or permission; 5 endpoint unreachable; ' +
        '6 stopped by onFailure; 7 drain deadline passed; 128+n second signal.',
      customUsage: ['--stream-name orders --application-name mailer [--region eu-west-1] [flags]'],
    },
  });
  const benchFlags = benchFlagParameters();
  const bench = buildCommand<BenchFlags, [], CommandContext>({
    loader: async () => (await import('./commands/bench.ts')).bench,
    parameters: { flags: benchFlags },
    docs: {
      brief: 'Measure what a stream gives and what reading it takes, without leases and checkpoints',
      fullDescription:
        'Reads all shards of a stream for a bounded time, and prints records and MB a second for each shard and for all, ' +
        'how far they are behind, and the processor time that it took. No table is touched and no checkpoint moved. By ' +
        'polling it takes its part of the 5 reads and 2 MB a second that all consumers of a shard share; with ' +
        '--retrieval-mode FAN_OUT it registers a stream consumer, millrace-bench unless told another, and deregisters it ' +
        'at the end. Progress and logs go to stderr. SIGINT and SIGTERM end it early, with the figures until then.',
      customUsage: ['--stream-name orders [--seconds 30] [--region eu-west-1] [flags]'],
    },
  });
  return buildApplication(
    buildRouteMap<'consume' | 'bench', CommandContext>({
      routes: { consume, bench },
      docs: { brief: 'Millrace: consume Amazon Kinesis streams' },
    }),
    {
      name: 'millrace',
      versionInfo: { getCurrentVersion: currentVersion },
      documentation: { disableAnsiColor: true, onlyRequiredInUsageLine: true },
      localization: { text: reportingText(report, [...new Set([...Object.keys(flags), ...Object.keys(benchFlags)])]) },
    },
  );
}

async function currentVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The parser's texts, with every text of an error turned into a report. */
function reportingText(report: (thrown: unknown) => void, flags: readonly string[]): ApplicationText {
  const passOn = (thrown: unknown): string => {
    report(thrown);
    return '';
  };
  return {
    ...text_en,
    noCommandRegisteredForInput: ({ input }) => passOn(unknownCommand(input)),
    exceptionWhileParsingArguments: (thrown) => passOn(usageError(thrown, flags)),
    exceptionWhileLoadingCommandFunction: passOn,
    exceptionWhileLoadingCommandContext: passOn,
    exceptionWhileRunningCommand: passOn,
    commandErrorResult: passOn,
  };
}

function unknownCommand(input: string): MillraceError {
  if (input.startsWith('-')) {
    const remedy = `give the command first, as in millrace ${commandNames[0]} ${input}`;
    return usage('MR_CONFIG_INVALID', `${JSON.stringify(input)} comes before the command: ${remedy}`);
  }
  const nearest = nearestName(input, commandNames);
  const remedy = nearest === undefined ? `the commands are ${commandNames.join(', ')}` : `did you mean ${nearest}?`;
  return usage('MR_CONFIG_UNKNOWN', `unknown command ${JSON.stringify(input)}: ${remedy}`);
}

/** What is wrong with the arguments, in the words of the configuration. */
function usageError(thrown: unknown, flags: readonly string[]): MillraceError {
  if (thrown instanceof FlagNotFoundError) return unknownFlag(`--${thrown.input.replace(/^-+/, '')}`, flags);
  if (thrown instanceof AliasNotFoundError) return unknownFlag(`-${thrown.input}`, flags);
  if (thrown instanceof UnsatisfiedFlagError) {
    return usage('MR_CONFIG_INVALID', `--${thrown.externalFlagName} has no value: give one after it`);
  }
  if (thrown instanceof UnexpectedFlagError) {
    const { externalFlagName: name, previousInput, input } = thrown;
    const values = `${JSON.stringify(previousInput)} and ${JSON.stringify(input)}`;
    return usage('MR_CONFIG_INVALID', `--${name} is given twice, ${values}: give it once`);
  }
  if (thrown instanceof UnexpectedPositionalError) {
    return usage('MR_CONFIG_INVALID', `unexpected argument ${JSON.stringify(thrown.input)}: options begin with --`);
  }
  return usage('MR_CONFIG_INVALID', messageOf(thrown));
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
