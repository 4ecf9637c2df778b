import { type ConfigFile, readConfigFile } from '../app/config/config-file.ts';
import type { ConsumerOptions } from '../app/config/consumer-options.ts';
import { leftOutKclNames } from '../app/config/kcl-properties.ts';
import { laterOptions } from '../app/config/later-options.ts';
import { flagName } from '../app/config/option.ts';
import { consumerOptionList } from '../app/config/option-list.ts';
import { type OptionSources, resolveConsumerOptions } from '../app/config/resolve.ts';
import { MillraceError } from '../base/error.ts';
import type { CommandContext } from './command-io.ts';
import { loggerOf } from './log-level.ts';

/** The flags of a command with those among them that are options. */
export type GivenFlags = object;

/** What a command knows by itself. */
export interface KnownOptions {
  /** Options that win over everything, because the command is not about them: by flag name. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** Options that count where no source has them: by option name. */
  readonly fallback?: Partial<ConsumerOptions>;
}

/**
 * The options that a command was given: its flags before the environment before its file. What nobody gave is left out.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming every option at fault
 */
export async function optionsOf(
  context: CommandContext,
  flags: GivenFlags,
  known: KnownOptions = {},
): Promise<ConsumerOptions> {
  return resolveConsumerOptions(await sourcesOf(context, flags, known));
}

/**
 * Where the options of a command come from, with its file read.
 * @throws MillraceError `MR_CONFIG_INVALID` for a file that cannot be read, and for two files
 */
export async function sourcesOf(
  context: CommandContext,
  flags: GivenFlags,
  { fixed = {}, fallback }: KnownOptions = {},
): Promise<OptionSources> {
  const file = await fileOf(context, flags);
  return { flags: { ...optionTexts(flags), ...fixed }, env: context.env, file, fallback };
}

const optionFlagNames = new Set([...Object.keys(consumerOptionList), ...Object.keys(laterOptions)].map(flagName));

/** The flags that are options: their texts by name. */
function optionTexts(flags: GivenFlags): Record<string, string> {
  const texts = Object.entries(flags).filter(([name, value]) => optionFlagNames.has(name) && typeof value === 'string');
  return Object.fromEntries(texts);
}

async function fileOf(
  context: CommandContext,
  { config, properties }: { readonly config?: string; readonly properties?: string },
): Promise<ConfigFile | undefined> {
  if (config !== undefined && properties !== undefined) {
    const files = `--config ${JSON.stringify(config)} and --properties ${JSON.stringify(properties)}`;
    throw new MillraceError('MR_CONFIG_INVALID', `${files} are both given: give one file`, {
      subject: { option: 'properties' },
    });
  }
  const path = properties ?? config ?? context.env['MILLRACE_CONFIG'];
  if (path === undefined) return undefined;
  const file = await readConfigFile(path, properties === undefined ? undefined : 'properties');
  tellWhatIsLeftOut(context, file);
  return file;
}

/** Nobody should believe that a line of a file does something when it does nothing. */
function tellWhatIsLeftOut(context: CommandContext, file: ConfigFile): void {
  if (file.kind !== 'properties') return;
  const names = leftOutKclNames(file);
  if (names.length === 0) return;
  const logger = loggerOf(context, undefined);
  logger.warn({ file: file.path, names }, 'lines about the daemon of KCL are left out: Millrace has none');
}
