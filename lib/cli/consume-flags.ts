import type { FlagParametersForType } from '@stricli/core';
import { laterOptions } from '../app/config/later-options.ts';
import { type OptionSpec, environmentName, flagName } from '../app/config/option.ts';
import { consumerOptionList } from '../app/config/option-list.ts';
import { logLevels } from '../monitor/log.ts';
import type { CommandContext } from './command-io.ts';

/** The flags of the command itself; all others are options of the consumer, as text. */
export interface ConsumeFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly 'log-level'?: string;
}

type Parameters = FlagParametersForType<ConsumeFlags, CommandContext>;
type OptionParameter = {
  readonly kind: 'parsed';
  readonly parse: (text: string) => string;
  readonly optional: true;
  readonly inferEmpty?: boolean;
  readonly hidden?: boolean;
  readonly placeholder: string;
  readonly brief: string;
};

/** The flags of `millrace consume`: every option that can be given as text, then those of the command. */
export function consumeFlagParameters(): Parameters {
  return { ...optionParameters(), ...laterParameters(), ...commandParameters };
}

const commandParameters: Parameters = {
  config: {
    kind: 'parsed',
    parse: asItIs,
    optional: true,
    placeholder: 'path',
    brief: 'Reads options from a JSON file or from a KCL .properties file [MILLRACE_CONFIG]',
  },
  'log-level': {
    kind: 'parsed',
    parse: asItIs,
    optional: true,
    placeholder: logLevels.join('|'),
    brief: 'Least level of the log on stderr (default: warn) [MILLRACE_LOG_LEVEL]',
  },
  json: {
    kind: 'boolean',
    optional: true,
    withNegated: false,
    brief: 'Writes errors as one JSON line on stderr; records are JSON lines anyway',
  },
};

function optionParameters(): Record<string, OptionParameter> {
  const entries = Object.entries<OptionSpec<unknown>>(consumerOptionList)
    .filter(([, spec]) => spec.fromText !== undefined)
    .map(([option, spec]): [string, OptionParameter] => [flagName(option), optionParameter(option, spec)]);
  return Object.fromEntries(entries);
}

function optionParameter(option: string, spec: OptionSpec<unknown>): OptionParameter {
  const byDefault = spec.defaultText === undefined ? '' : ` (default: ${spec.defaultText})`;
  return {
    kind: 'parsed',
    // A switch without a value is an empty text.
    parse: spec.isSwitch ? (text) => text || 'true' : asItIs,
    optional: true,
    inferEmpty: spec.isSwitch ?? false,
    placeholder: 'value',
    brief: `${spec.brief.replace(/\.$/, '')}${byDefault} [${environmentName(option)}]`,
  };
}

/** Flags of later versions parse, so that their refusal can say what to do instead. */
function laterParameters(): Record<string, OptionParameter> {
  const parameter: OptionParameter = {
    kind: 'parsed',
    parse: asItIs,
    optional: true,
    inferEmpty: true,
    hidden: true,
    placeholder: 'value',
    brief: 'Not in this version yet',
  };
  return Object.fromEntries(Object.keys(laterOptions).map((option) => [flagName(option), parameter]));
}

function asItIs(text: string): string {
  return text;
}
