/** A flag whose value is a text for the command, or what `parse` makes of it. */
export interface TextFlag<T> {
  readonly kind: 'parsed';
  readonly parse: (text: string) => T;
  readonly optional: true;
  readonly inferEmpty?: boolean;
  readonly hidden?: boolean;
  readonly placeholder: string;
  readonly brief: string;
}

/** A flag without a value. */
export interface SwitchFlag {
  readonly kind: 'boolean';
  readonly optional: true;
  readonly withNegated: false;
  readonly brief: string;
}

/** A flag that may be given several times. */
export interface ListFlag {
  readonly kind: 'parsed';
  readonly parse: (text: string) => string;
  readonly optional: true;
  readonly variadic: true;
  readonly placeholder: string;
  readonly brief: string;
}

/** A flag whose text is taken as it is. */
export function textFlag(placeholder: string, brief: string): TextFlag<string> {
  return parsedFlag(placeholder, brief, (text) => text);
}

/**
 * A flag whose text is turned into a value. `parse` throws an Error whose message says what to give, beginning with "give":
 * the name and the text that was given are put before it.
 */
export function parsedFlag<T>(placeholder: string, brief: string, parse: (text: string) => T): TextFlag<T> {
  return { kind: 'parsed', parse, optional: true, placeholder, brief };
}

/** A flag that is one of some words. */
export function wordFlag<const W extends string>(words: readonly W[], brief: string): TextFlag<W> {
  return parsedFlag(words.join('|'), brief, (text) => {
    const word = words.find((one) => one === text);
    if (word === undefined) throw new Error(`give ${words.join(' or ')}`);
    return word;
  });
}

/** A flag that is a number within limits, of `what` is counted, if anything; `isWhole` refuses fractions. */
export function numberFlag(
  { what, least, most, isWhole = true }: { what?: string; least: number; most: number; isWhole?: boolean },
  brief: string,
): TextFlag<number> {
  return parsedFlag('number', brief, (text) => {
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    const fits = value >= least && value <= most && (!isWhole || Number.isSafeInteger(value));
    const number = `${isWhole ? 'whole ' : ''}number${what === undefined ? '' : ` of ${what}`}`;
    if (!fits) throw new Error(`give a ${number} from ${least} to ${most}`);
    return value;
  });
}

/** A flag that is on or off. */
export function switchFlag(brief: string): SwitchFlag {
  return { kind: 'boolean', optional: true, withNegated: false, brief };
}

/** A flag that may be given several times. */
export function listFlag(placeholder: string, brief: string): ListFlag {
  return { kind: 'parsed', parse: (text) => text, optional: true, variadic: true, placeholder, brief };
}
