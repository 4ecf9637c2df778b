import { consumerOptionList } from './option-list.ts';
import { type OptionSpec, environmentName, flagName } from './option.ts';
import { type MachineFacts, type OptionSources, rankedSources, resolveValues, settingsOf, winners } from './resolve.ts';

/** One option: its value, and who said so. */
export interface ExplainedOption {
  readonly option: string;
  /** Absent where there is none, and where it is a secret or made anew by each process. Times are ISO 8601. */
  readonly value?: string | number | boolean;
  /** What to show for a value that is not told, such as `host:pid:8 hex digits`. */
  readonly instead?: string;
  /** The flag, the variable, the name in the file, or `default`. */
  readonly from: string;
  /** Absent for what only a program can give. */
  readonly flag?: string;
  readonly variable?: string;
}

/**
 * Tells of every option what it is and where that comes from, by the same rules by which a consumer is made.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` when a name is not known, else `MR_CONFIG_INVALID`
 */
export function explainOptions(sources: OptionSources & MachineFacts): readonly ExplainedOption[] {
  const values: Readonly<Record<string, unknown>> = resolveValues(sources);
  const settings = settingsOf(values, sources) as unknown as Readonly<Record<string, unknown>>;
  const given = winners(rankedSources(sources));
  return Object.entries<OptionSpec<unknown>>(consumerOptionList).map(([option, spec]) => {
    const from = given.get(option)?.from;
    const names = spec.fromText === undefined ? {} : { flag: flagName(option), variable: environmentName(option) };
    if (spec.isSecret === true && from !== undefined) return { option, instead: 'not shown', from, ...names };
    const value = plain(from === undefined ? defaultOf(option, settings) : values[option]);
    if (value !== undefined) return { option, value, from: from ?? 'default', ...names };
    const { defaultText } = spec;
    return {
      option,
      ...(defaultText === undefined ? {} : { instead: defaultText }),
      from: from ?? 'default',
      ...names,
    };
  });
}

/** A default that is another one in every process, or that is an object inside, is told by its text. */
function defaultOf(option: string, settings: Readonly<Record<string, unknown>>): unknown {
  if (option === 'workerIdentifier') return undefined;
  const [outer = '', inner] = option.split('.');
  const value = settings[outer];
  return inner === undefined ? value : (value as Readonly<Record<string, unknown>>)[inner];
}

function plain(value: unknown): string | number | boolean | undefined {
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}
