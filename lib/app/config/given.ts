import type { ConfigFile } from './config-file.ts';
import type { Environment } from './environment.ts';
import { type GivenValue, type GivenValues, unknownName } from './given-value.ts';
import { kclGivenValues } from './kcl-properties.ts';
import { laterOptions } from './later-options.ts';
import { environmentName, flagName } from './option.ts';
import { consumerOptionList } from './option-list.ts';
import { type Problem, showValue } from './problem.ts';

/** Variables that belong to the command line and not to the consumer. */
export const commandVariables: readonly string[] = ['MILLRACE_CONFIG', 'MILLRACE_LOG_LEVEL', 'MILLRACE_UI_TOKEN'];

const optionNames = Object.keys(consumerOptionList);
const knownNames = [...optionNames, ...Object.keys(laterOptions)];

/** Values of flags, by name without dashes. */
export function fromFlags(flags: Readonly<Record<string, string | undefined>>): GivenValues {
  const byFlag = new Map(knownNames.map((option) => [flagName(option), option]));
  return fromTexts(flags, byFlag, (name) => `--${name}`);
}

/** Values of environment variables; those that do not begin with `MILLRACE_` are other people's. */
export function fromEnvironment(environment: Environment): GivenValues {
  const ours = Object.fromEntries(
    Object.entries(environment).filter(([name]) => name.startsWith('MILLRACE_') && !commandVariables.includes(name)),
  );
  const byVariable = new Map(knownNames.map((option) => [environmentName(option), option]));
  return fromTexts(ours, byVariable, (name) => name);
}

function fromTexts(
  texts: Readonly<Record<string, string | undefined>>,
  options: ReadonlyMap<string, string>,
  label: (name: string) => string,
): GivenValues {
  const values: GivenValue[] = [];
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(texts)) {
    if (value === undefined) continue;
    const option = options.get(name);
    if (option === undefined) problems.push(unknownName(label(name), [...options.keys()].map(label)));
    else values.push({ option, value, from: label(name), form: 'text' });
  }
  return { values, problems };
}

/** Values of a configuration file. */
export function fromFile(file: ConfigFile): GivenValues {
  if (file.kind === 'properties') return kclGivenValues(file);
  return fromObject(file.values, 'json', (name) => `${name} in ${file.path}`);
}

/** Values of a program. */
export function fromProgram(options: object): GivenValues {
  return fromObject(options, 'program', (name) => name);
}

function fromObject(object: object, form: 'program' | 'json', label: (name: string) => string): GivenValues {
  const values: GivenValue[] = [];
  const problems: Problem[] = [];
  for (const [option, value] of flatten(object)) {
    if (value === undefined) continue;
    const from = label(option);
    if (option === 'onFailure') problems.push(notAnObject(option, value, from));
    else if (knownNames.includes(option)) values.push({ option, value, from, form });
    else problems.push(unknownName(from, knownNames));
  }
  return { values, problems };
}

/** `onFailure: { then }` becomes `onFailure.then`. */
function flatten(object: object): [string, unknown][] {
  return Object.entries(object).flatMap(([name, value]: [string, unknown]) => {
    if (name !== 'onFailure' || typeof value !== 'object' || value === null || Array.isArray(value)) {
      return [[name, value]];
    }
    return Object.entries(value).map(([inner, innerValue]): [string, unknown] => [`${name}.${inner}`, innerValue]);
  });
}

function notAnObject(option: string, value: unknown, from: string): Problem {
  const message = `${from} is ${showValue(value)}: give an object such as { "maximumRetryAttempts": 5, "then": "SKIP" }`;
  return { code: 'MR_CONFIG_INVALID', option, message };
}
