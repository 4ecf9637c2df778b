import { type ErrorCode, MillraceError } from '../../base/error.ts';
import { escapeControl } from '../../base/text.ts';

/** One thing wrong with the configuration. */
export interface Problem {
  readonly code: Extract<ErrorCode, 'MR_CONFIG_INVALID' | 'MR_CONFIG_UNKNOWN'>;
  readonly option: string;
  /** Names the option, the value, where it came from and the remedy. */
  readonly message: string;
}

/**
 * All problems as one error. Unknown names come first and give the error its code: a name with a slip in it is often
 * the reason why another option is missing.
 */
export function configurationError(problems: readonly Problem[]): MillraceError {
  const sorted = [...problems].sort((a, b) => rank(a) - rank(b));
  const first = sorted[0];
  const text =
    sorted.length === 1
      ? first?.message
      : `${sorted.length} problems: ${sorted.map((problem, index) => `(${index + 1}) ${problem.message}`).join('; ')}`;
  return new MillraceError(first?.code ?? 'MR_CONFIG_INVALID', text ?? '', {
    subject: { option: first?.option ?? '' },
  });
}

function rank(problem: Problem): number {
  return problem.code === 'MR_CONFIG_UNKNOWN' ? 0 : 1;
}

/** Most characters of a value that a message repeats. */
const shownCharacters = 80;

/** A value for a message: short, without control characters, objects by their kind only. */
export function showValue(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const shown = escapeControl(text);
  return shown.length <= shownCharacters ? shown : `${shown.slice(0, shownCharacters)}...`;
}
