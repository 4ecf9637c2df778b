import { nearestName } from '../../base/text.ts';
import { type Problem, showValue } from './problem.ts';

/** A value as it was given, before any check. */
export interface GivenValue {
  readonly option: string;
  readonly value: unknown;
  /** Where it came from, as the person knows it: `--max-records`, `MILLRACE_MAX_RECORDS`, `maxRecords in millrace.json`. */
  readonly from: string;
  /** Texts are parsed; values of programs and of JSON files are already typed. */
  readonly form: 'program' | 'text' | 'json';
}

/** The values of one source and what is wrong with their names. */
export interface GivenValues {
  readonly values: readonly GivenValue[];
  readonly problems: readonly Problem[];
}

/** The problem of a name that no option has. */
export function unknownName(shown: string, candidates: readonly string[]): Problem {
  const name = shown.split(' in ')[0] ?? shown;
  const nearest = nearestName(name, candidates);
  const remedy = nearest === undefined ? 'remove it' : `did you mean ${nearest}?`;
  return { code: 'MR_CONFIG_UNKNOWN', option: name, message: `unknown option ${showValue(shown)}: ${remedy}` };
}
