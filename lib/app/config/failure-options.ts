import * as v from 'valibot';
import type { DeadLetter } from '../../receiver/dead-letter.ts';
import { deadLetterFile } from '../dead-letter-file.ts';
import type { OptionSpec, ParsedText } from './option.ts';
import { onOff, wholeNumberOrUnlimited } from './option-kinds.ts';

const filePrefix = 'deadLetterFile:';

const isDeadLetter = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as Partial<DeadLetter>).write === 'function';

/** Flags, variables and files name a dead letter by its function: `deadLetterFile:failed.jsonl`. */
function thenFromText(given: string): ParsedText {
  if (!given.startsWith(filePrefix)) return { ok: true, value: given };
  const path = given.slice(filePrefix.length);
  if (path === '') return { ok: false, reason: ', which names no file: give deadLetterFile:failed.jsonl' };
  return { ok: true, value: deadLetterFile(path) };
}

const then: OptionSpec<'STOP' | 'SKIP' | DeadLetter> = {
  schema: v.union([v.picklist(['STOP', 'SKIP']), v.custom<DeadLetter>(isDeadLetter)]),
  expects:
    "STOP, SKIP or a dead letter: deadLetterFile('failed.jsonl') in a program, elsewhere deadLetterFile:failed.jsonl",
  brief: 'When giving up: STOP the run, SKIP the records, or write them away (deadLetterFile:PATH).',
  defaultText: 'STOP',
  textInJson: true,
  fromText: thenFromText,
};

/** What to do when the handler fails; names and meaning of Lambda's event source mapping. */
export const failureOptions = {
  'onFailure.maximumRetryAttempts': wholeNumberOrUnlimited(
    { brief: 'Further attempts with the same records after a failure; -1 for no limit.', defaultText: '-1' },
    { least: 0, most: 1_000_000, unit: 'attempts' },
  ),
  'onFailure.maximumRecordAgeInSeconds': wholeNumberOrUnlimited(
    { brief: 'Gives failing records up at this age, seconds; -1 for no limit.', defaultText: '-1' },
    { least: 1, most: 31_536_000, unit: 'seconds' },
  ),
  'onFailure.bisectBatchOnFunctionError': onOff({
    brief: 'Splits failing records in halves and tries each by itself, which is no attempt.',
    defaultText: 'false',
  }),
  'onFailure.then': then,
};
