import * as v from 'valibot';
import type { GivenValue } from './given-value.ts';
import { laterOptions } from './later-options.ts';
import type { OptionSpec, ParsedText } from './option.ts';
import { type ConsumerValues, consumerOptionList } from './option-list.ts';
import { type Problem, showValue } from './problem.ts';

/** The checked values and everything wrong with the others. */
export interface CheckedValues {
  readonly values: ConsumerValues;
  readonly problems: readonly Problem[];
}

/** Checks each given value by itself. */
export function checkValues(given: Iterable<GivenValue>): CheckedValues {
  const values: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const one of given) {
    const checked = checkValue(one);
    if (checked.ok) values[one.option] = checked.value;
    else problems.push({ code: 'MR_CONFIG_INVALID', option: one.option, message: checked.reason });
  }
  return { values, problems };
}

function checkValue(given: GivenValue): ParsedText {
  const { option, value, from } = given;
  const instead = laterOptions[option];
  if (instead !== undefined) return refused(`${from} is not in this version yet: ${instead}`);

  const spec: OptionSpec<unknown> = consumerOptionList[option as keyof typeof consumerOptionList];
  if (given.form !== 'program' && spec.fromText === undefined) {
    return refused(`${label(given)} can be given by a program only: remove it here`);
  }
  const shown = spec.isSecret ? 'not of the right form' : showValue(value);
  const parsed = parse(spec, given);
  if (!parsed.ok) return refused(`${label(given)} is ${shown}${parsed.reason}`);
  const checked = v.safeParse(spec.schema, parsed.value);
  if (!checked.success) return refused(`${label(given)} is ${shown}: give ${spec.expects}`);
  return { ok: true, value: checked.output };
}

function parse(spec: OptionSpec<unknown>, given: GivenValue): ParsedText {
  if (given.form === 'program' || spec.fromText === undefined) return { ok: true, value: given.value };
  const isText = typeof given.value === 'string' && (given.form === 'text' || spec.textInJson === true);
  return isText ? spec.fromText(given.value) : { ok: true, value: given.value };
}

/** The option, and where it came from when that is under another name. */
function label({ option, from }: GivenValue): string {
  return from === option || from.startsWith(`${option} in `) ? from : `${option} (${from})`;
}

function refused(reason: string): ParsedText {
  return { ok: false, reason };
}
