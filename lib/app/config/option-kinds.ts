import * as v from 'valibot';
import type { OptionSpec, ParsedText } from './option.ts';

/** The largest delay a timer of Node can have, about 24.8 days. */
export const longestTimerMillis = 2_147_483_647;

/** What the help and the messages say about an option. */
interface Wording {
  readonly brief: string;
  readonly defaultText?: string;
}

/** An option that is a whole number of some unit. */
export function wholeNumber(
  wording: Wording,
  limits: { readonly least: number; readonly most: number; readonly unit: string },
): OptionSpec<number> {
  return {
    ...wording,
    schema: wholeWithin(limits),
    expects: `a whole number of ${limits.unit} from ${limits.least} to ${limits.most}`,
    fromText: numberFromText,
  };
}

/** An option that is a number, not necessarily a whole one. */
export function decimalNumber(
  wording: Wording,
  limits: { readonly above: number; readonly most: number; readonly expects: string },
): OptionSpec<number> {
  return {
    ...wording,
    schema: v.pipe(v.number(), v.gtValue(limits.above), v.maxValue(limits.most)),
    expects: limits.expects,
    fromText: numberFromText,
  };
}

/** An option that is a whole number of milliseconds, at most what a timer can wait. */
export function millis(wording: Wording, least: number): OptionSpec<number> {
  return wholeNumber(wording, { least, most: longestTimerMillis, unit: 'milliseconds' });
}

/** An option that is a whole number, where -1 means "without limit". */
export function wholeNumberOrUnlimited(
  wording: Wording,
  limits: { readonly least: number; readonly most: number; readonly unit: string },
): OptionSpec<number> {
  return {
    ...wording,
    schema: v.union([v.literal(-1), wholeWithin(limits)]),
    expects: `-1 for no limit, or a whole number of ${limits.unit} from ${limits.least} to ${limits.most}`,
    fromText: numberFromText,
  };
}

/** An option that is a text of a certain form. */
export function text(
  wording: Wording & { readonly expects: string },
  isAllowed: (value: string) => boolean,
): OptionSpec<string> {
  return { ...wording, schema: v.pipe(v.string(), v.check(isAllowed)), fromText: asItIs };
}

/** An option that is one of some words. */
export function word<const W extends string>(wording: Wording, words: readonly W[]): OptionSpec<W> {
  return { ...wording, schema: v.picklist(words), expects: words.join(' or '), fromText: asItIs };
}

/** An option that is some of a few words: an array in a program and in JSON, elsewhere parted by commas. */
export function someWords<const W extends string>(wording: Wording, words: readonly W[]): OptionSpec<readonly W[]> {
  return {
    ...wording,
    schema: v.pipe(
      v.array(v.picklist(words)),
      v.transform((given): readonly W[] => Object.freeze(given)),
    ),
    expects: `some of ${words.join(', ')}`,
    fromText: (given) => ({ ok: true, value: given.split(',').map((one) => one.trim()) }),
  };
}

/** An option that is on or off. */
export function onOff(wording: Wording): OptionSpec<boolean> {
  return {
    ...wording,
    schema: v.boolean(),
    expects: 'true or false',
    isSwitch: true,
    fromText: (given) => {
      if (given === 'true' || given === 'false') return { ok: true, value: given === 'true' };
      return { ok: false, reason: ', which is neither: give true or false' };
    },
  };
}

/** An option that is one of some words or a time. */
export function wordOrTime<const W extends string>(wording: Wording, words: readonly W[]): OptionSpec<W | Date> {
  const named = words.join(', ');
  return {
    ...wording,
    schema: v.union([v.picklist(words), v.date()]),
    expects: `${named} or a time: a Date in a program, elsewhere a text with a zone such as 2026-01-31T12:00:00Z`,
    textInJson: true,
    fromText: (given) => ((words as readonly string[]).includes(given) ? asItIs(given) : timeFromText(given, named)),
  };
}

/** A value that only a program can give. */
export function programValue<T>(
  wording: Wording & { readonly expects: string },
  schema: v.GenericSchema<unknown, T>,
): OptionSpec<T> {
  return { ...wording, schema };
}

/** An object that has these keys and no others; valibot's own takes an array without elements, too. */
export function closedObject<const E extends v.ObjectEntries>(entries: E) {
  return v.pipe(
    v.unknown(),
    v.check((value) => !Array.isArray(value)),
    v.strictObject(entries),
  );
}

/** A whole number from `least` to `most`, both inclusive; beyond 2^53 there is none. */
export function wholeWithin(limits: { readonly least: number; readonly most: number }) {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(limits.least), v.maxValue(limits.most));
}

function asItIs(given: string): ParsedText {
  return { ok: true, value: given };
}

/** Digits only: `1e3`, `0x10`, `10s` and the empty text are slips, not numbers. */
function numberFromText(given: string): ParsedText {
  if (/^-?\d+(\.\d+)?$/.test(given)) return { ok: true, value: Number(given) };
  return { ok: true, value: given };
}

const isoTime = /^(\d{4})-(\d{2})-(\d{2})[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|z|[+-]\d{2}:?\d{2})?$/;
const isoDate = /^\d{4}-\d{2}-\d{2}$/;

/** A time must say its zone: the same text would mean another moment on each machine of a fleet. */
function timeFromText(given: string, named: string): ParsedText {
  const parts = isoTime.exec(given);
  if (isoDate.test(given) || (parts !== null && parts[6] === undefined)) {
    return {
      ok: false,
      reason: ', a time without a zone: add one, as in 2026-01-31T12:00:00Z or 2026-01-31T12:00:00+01:00',
    };
  }
  const time = parts === null ? undefined : instant(given, parts);
  if (time === undefined) {
    const wanted = named === '' ? 'a time' : `${named} or a time`;
    return { ok: false, reason: `: give ${wanted} with a zone, such as 2026-01-31T12:00:00Z` };
  }
  return { ok: true, value: time };
}

function instant(given: string, [, year, month, day]: RegExpExecArray): Date | undefined {
  const normal = given
    .toUpperCase()
    .replace(' ', 'T')
    .replace(',', '.')
    .replace(/([+-]\d{2})(\d{2})$/, '$1:$2');
  const time = new Date(normal);
  // The engine takes 31 February and moves on to March; a person who writes it has made a slip.
  const isRealDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  return Number.isNaN(time.getTime()) || !isRealDay ? undefined : time;
}
