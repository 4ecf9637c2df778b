import * as v from 'valibot';
import { MillraceError } from '../../base/error.ts';
import { closedObject, wholeWithin } from './option-kinds.ts';
import { showValue } from './problem.ts';

/** Where the page of a running program is served, and to whom. `docs/page.md` shows its use. */
export interface UiOptions {
  /** The port, 0 for any free one; default 4040, Spark's. */
  readonly port?: number | undefined;
  /** The address to listen at; default `127.0.0.1`, this machine alone. `0.0.0.0` is every address that it has. */
  readonly host?: string | undefined;
  /**
   * Whoever knows it may look; 16 to 512 printable characters without spaces. Default: the variable `MILLRACE_UI_TOKEN`,
   * else what is in `tokenFile`, else 64 new hexadecimal digits.
   */
  readonly token?: string | undefined;
  /** A file with the token, its spaces and line ends at both sides apart; for secrets that are mounted. */
  readonly tokenFile?: string | undefined;
  /** Names, without port, under which browsers may ask for the page; for proxies. Default none beside loopback. */
  readonly allowedHosts?: readonly string[] | undefined;
  /**
   * Told once where the page is. `url` carries the token and is for the person who starts the program, not for logs. Needed
   * where the token is generated, since nobody would know it otherwise.
   */
  readonly onListening?: ((page: UiAddress) => void) | undefined;
}

/** Where a page is served. */
export interface UiAddress {
  /** The address to open, token included (in its fragment, which browsers send to nobody). */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;
const address = /^[0-9a-f:.]{2,45}$/i;
const token = v.pipe(v.string(), v.regex(/^[\x21-\x7e]{16,512}$/));
const host = v.pipe(
  v.string(),
  v.check((text) => hostName.test(text) || address.test(text)),
);

/** What `ui` may have, by field. */
export const uiFields = {
  port: v.optional(wholeWithin({ least: 0, most: 65_535 })),
  host: v.optional(host),
  token: v.optional(token),
  tokenFile: v.optional(v.pipe(v.string(), v.nonEmpty())),
  allowedHosts: v.optional(v.pipe(v.array(host), v.maxLength(100))),
  onListening: v.optional(v.custom<(page: UiAddress) => void>((value) => typeof value === 'function')),
};

const uiSchema = closedObject(uiFields);

/** What to give, by field; none of it shows a value of `token`. */
const expected: Readonly<Record<string, string>> = {
  port: 'a whole number from 0 (any free port) to 65535',
  host: 'an address or a name of this machine, such as 127.0.0.1, 0.0.0.0 or ::1',
  token: 'a text of 16 to 512 printable characters without spaces',
  tokenFile: 'the path of a file with the token',
  allowedHosts: 'an array of at most 100 names without port, such as ["millrace.example.com"]',
  onListening: 'a function that takes { url, host, port }',
};

/** Whether a text may be a token. */
export function isUsableToken(text: string): boolean {
  return v.is(token, text);
}

/**
 * Checks the options of the page.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming the option at fault; never shows a token
 */
export function checkedUiOptions(given: unknown): UiOptions {
  const checked = v.safeParse(uiSchema, given);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const field = issue.path?.[0].key;
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const known = Object.keys(expected).join(', ');
    const message = `unknown option ${showValue(`ui.${String(field)}`)}: ui has ${known}`;
    throw new MillraceError('MR_CONFIG_UNKNOWN', message, { subject: { option: 'ui' } });
  }
  if (typeof field !== 'string') throw invalid('ui', `is ${showValue(given)}: give an object such as { port: 4040 }`);
  const shown = field === 'token' ? 'not of the right form' : showValue((given as Record<string, unknown>)[field]);
  throw invalid(`ui.${field}`, `is ${shown}: give ${expected[field]}`);
}

function invalid(option: string, why: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', `${option} ${why}`, { subject: { option } });
}
