import { z } from 'zod';
import { MillraceError } from '../../base/error.ts';
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
const token = z.string().regex(/^[\x21-\x7e]{16,512}$/);

/** What `ui` may be. */
export const uiSchema = z.strictObject({
  port: z.int().min(0).max(65_535).optional(),
  host: z
    .string()
    .refine((text) => hostName.test(text) || address.test(text))
    .optional(),
  token: token.optional(),
  tokenFile: z.string().min(1).optional(),
  allowedHosts: z
    .array(z.string().refine((text) => hostName.test(text) || address.test(text)))
    .max(100)
    .optional(),
  onListening: z.custom<(page: UiAddress) => void>((value) => typeof value === 'function').optional(),
});

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
  return token.safeParse(text).success;
}

/**
 * Checks the options of the page.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming the option at fault; never shows a token
 */
export function checkedUiOptions(given: unknown): UiOptions {
  const checked = uiSchema.safeParse(given);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const known = Object.keys(expected).join(', ');
    const message = `unknown option ${showValue(`ui.${issue.keys[0] ?? ''}`)}: ui has ${known}`;
    throw new MillraceError('MR_CONFIG_UNKNOWN', message, { subject: { option: 'ui' } });
  }
  const field = issue?.path[0];
  if (typeof field !== 'string') throw invalid('ui', `is ${showValue(given)}: give an object such as { port: 4040 }`);
  const shown = field === 'token' ? 'not of the right form' : showValue((given as Record<string, unknown>)[field]);
  throw invalid(`ui.${field}`, `is ${shown}: give ${expected[field]}`);
}

function invalid(option: string, why: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', `${option} ${why}`, { subject: { option } });
}
