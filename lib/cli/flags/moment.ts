import { wordOrTime } from '../../app/config/option-kinds.ts';
import { type TextFlag, parsedFlag } from './flag.ts';

/** A time that a person gives: a moment, or how long ago. */
export type GivenMoment = Date | { readonly agoMillis: number };

/** As long ago as a text may say: before any stream, and still a time. */
const mostDaysAgo = 10_000;

const millisPerDay = 86_400_000;
const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: millisPerDay };

/** A flag that is one of some words, a time with a zone, or how long ago: `90s`, `15m`, `2h`, `1d`. */
export function momentFlag<const W extends string>(words: readonly W[], brief: string): TextFlag<W | GivenMoment> {
  return parsedFlag([...words, 'time', 'ago'].join('|'), brief, (text) => momentOf(words, text));
}

/**
 * Reads such a text.
 * @throws Error whose message says what to give
 */
export function momentOf<const W extends string>(words: readonly W[], text: string): W | GivenMoment {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) {
    const agoMillis = Number(count) * (units[unit] ?? 0);
    if (agoMillis > mostDaysAgo * millisPerDay)
      throw new Error(`give at most ${mostDaysAgo}d ago, or a time with a zone`);
    return { agoMillis };
  }
  const parsed = wordOrTime({ brief: '' }, words).fromText?.(text);
  if (parsed?.ok === true) return parsed.value as W | Date;
  const reason = parsed?.reason.replace(/^[,:] /, '') ?? '';
  throw new Error(`${reason}, or how long ago, such as 15m`);
}
