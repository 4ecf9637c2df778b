import type * as v from 'valibot';

/** What became of a text: a value for the schema, or the reason why it is none ("..., a time without a zone: add one"). */
export type ParsedText =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

/** One option: its check, its way from text, and its line of the help. */
export interface OptionSpec<T> {
  readonly schema: v.GenericSchema<unknown, T>;
  /** What to give, as the end of "give ...". */
  readonly expects: string;
  /** One sentence for the help, without the default. */
  readonly brief: string;
  /** The default as the help shows it; absent for "none". */
  readonly defaultText?: string;
  /** Makes a value of a flag, an environment variable or a line of a `.properties` file; absent: only a program can give it. */
  readonly fromText?: (text: string) => ParsedText;
  /** Whether a text in a JSON file goes through `fromText`, because JSON has no such value. */
  readonly textInJson?: boolean;
  /** Whether the flag may stand without a value, which then means `true`. */
  readonly isSwitch?: boolean;
  /** Whether the value must not appear in messages. */
  readonly isSecret?: boolean;
}

/** Options by name; the options of `onFailure` have dotted names. */
export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;

/** The values that a table describes. */
export type ValuesOf<T extends OptionTable> = { readonly [K in keyof T]?: v.InferOutput<T[K]['schema']> };

/** Abbreviations inside names, as one word each. */
const words: readonly (readonly [string, string])[] = [
  ['dynamoDB', 'dynamodb'],
  ['KBps', 'Kbps'],
  ['EMA', 'Ema'],
];

/** The flag of an option, without its dashes: `dynamoDBEndpoint` is `dynamodb-endpoint`, dots become dashes. */
export function flagName(option: string): string {
  return words
    .reduce((name, [abbreviation, word]) => name.replace(abbreviation, word), option)
    .replaceAll('.', '-')
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The environment variable of an option: `MILLRACE_` and the flag in upper snake. */
export function environmentName(option: string): string {
  return `MILLRACE_${flagName(option).toUpperCase().replaceAll('-', '_')}`;
}
